"""Identities: statements on the identities of outside providers. All run inside the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from walkwire.store import IdentityExists, UserRecord
from walkwire.stores.sql import view
from walkwire.stores.sql.schema import identities


def user_of(connection: Connection, issuer: str, subject: str) -> UserRecord | None:
    """Return the user to whom an issuer and a subject belong, or None."""
    known = select(identities.c.user_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
    user_id = connection.execute(known).scalar()
    return None if user_id is None else view.user_by(connection, id=user_id)


def add_user(connection: Connection, user: UserRecord, issuer: str, subject: str) -> None:
    """Insert a user, its root and its identity. Raises UserExists, IdentityExists."""
    view.add_user(connection, user)
    add(connection, user.id, issuer, subject)


def add(connection: Connection, user_id: str, issuer: str, subject: str) -> None:
    """Insert an identity of a user. Raises IdentityExists."""
    try:
        connection.execute(insert(identities), [{"issuer": issuer, "subject": subject, "user_id": user_id}])
    except IntegrityError:
        raise IdentityExists(subject) from None
