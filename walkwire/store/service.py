"""Services: API keys of other programs."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError


class ServiceRecord(NamedTuple):
    """A service that may notify. `digest` is what its API key is known by, `created` in Unix seconds."""

    id: str
    name: str
    digest: str
    created: float


class ServiceExists(WalkwireError):
    """A service of that name is there already."""


class ServiceStore(Protocol):
    """Services, by their API keys."""

    def add_service(self, service: ServiceRecord) -> None:
        """Store a service. Raises ServiceExists."""

    def services(self) -> list[ServiceRecord]:
        """Every service, by name."""

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        """The service whose key has this digest."""

    def remove_service(self, name: str) -> bool:
        """End the service of this name; False where there is none."""
