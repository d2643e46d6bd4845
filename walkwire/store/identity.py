"""Identities: which user of ours a user of an outside provider is.

Guarantees: an issuer and a subject belong to one user; a user made with an identity is stored together with it.
"""

from __future__ import annotations

from typing import Protocol

from walkwire.errors import WalkwireError
from walkwire.store.user import UserRecord

LONGEST_SUBJECT = 255  # characters: OpenID Connect Core §2


class IdentityExists(WalkwireError):
    """This issuer and subject belong to a user already."""


class IdentityStore(Protocol):
    """A store of identities. `issuer` is the provider's URL, `subject` its name for the user."""

    def user_by_identity(self, issuer: str, subject: str) -> UserRecord | None:
        """Return the user to whom this issuer and subject belong, or None."""

    def add_outside_user(self, user: UserRecord, issuer: str, subject: str) -> None:
        """Store a user, its root and its identity in one transaction. Raises UserExists, IdentityExists."""

    def add_identity(self, user_id: str, issuer: str, subject: str) -> None:
        """Give an identity to a user. Raises IdentityExists."""
