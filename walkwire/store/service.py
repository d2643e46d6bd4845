"""Services: API keys of other programs.

Guarantee: names and digests are unique; the text of a key is never stored.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError


class ServiceRecord(NamedTuple):
    """A service that may send notifications.

    - `digest`: a hash of its API key.
    - `created`: Unix seconds.
    """

    id: str
    name: str
    digest: str
    created: float


class ServiceExists(WalkwireError):
    """A service of this name exists already."""


class ServiceStore(Protocol):
    """A store of services."""

    def add_service(self, service: ServiceRecord) -> None:
        """Store a service. Raises ServiceExists."""

    def services(self) -> list[ServiceRecord]:
        """Return all services, ordered by name."""

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        """Return the service whose API key has this digest, or None."""

    def remove_service(self, name: str) -> bool:
        """Delete the service of this name. Returns False if there is none."""
