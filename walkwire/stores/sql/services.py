"""Services: statements on API services. All run inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from walkwire.store import ServiceExists, ServiceRecord
from walkwire.stores.sql.schema import services

_SERVICE = tuple(services.c[field] for field in ServiceRecord._fields)


def add(connection: Connection, key: ServiceRecord) -> None:
    """Insert a service. Raises ServiceExists."""
    try:
        connection.execute(insert(services), [key._asdict()])
    except IntegrityError:
        raise ServiceExists(key.name) from None


def every(connection: Connection) -> list[ServiceRecord]:
    """Return all services, ordered by name."""
    return [ServiceRecord(*row) for row in connection.execute(select(*_SERVICE).order_by(services.c.name))]


def by_digest(connection: Connection, digest: str) -> ServiceRecord | None:
    """Return the service whose API key has this digest, or None."""
    row = connection.execute(select(*_SERVICE).where(services.c.digest == digest)).first()
    return ServiceRecord(*row) if row else None


def remove(connection: Connection, name: str) -> bool:
    """Delete the service of this name. Returns False if there is none."""
    return connection.execute(delete(services).where(services.c.name == name)).rowcount == 1
