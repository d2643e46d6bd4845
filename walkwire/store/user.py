"""Users: accounts, found by id, e-mail address, root, or identity: which user of ours a user of an outside provider is.

Guarantees: an e-mail address belongs to one user, whatever its case; an issuer and a subject belong to one user; a user, its root
and the identity with which it was made are created together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

EmailProof = Literal["unasked", "pending", "proved"]

LONGEST_SUBJECT = 255  # characters: OpenID Connect Core §2


class UserRecord(NamedTuple):
    """A user.

    - `password`: a hash.
    - `token_generation`: incrementing it revokes all tokens issued before.
    - `is_activated`: whether the user may sign in.
    - `email_proof`: whether the user has proved, by a code, to read the mail of the address. `pending`: has to.
    - `state`: fields that the program keeps.
    """

    id: str
    email: str
    password: str
    root_id: str
    token_generation: int = 0
    is_activated: bool = True
    is_admin: bool = False
    email_proof: EmailProof = "unasked"
    state: Mapping[str, Any] = {}

    @property
    def is_ready(self) -> bool:
        """Return what clients and programs see as `is_activated`: also False for an address that has to be proved."""
        return self.is_activated and self.email_proof != "pending"


def email_key(email: str) -> str:
    """Return the form of an e-mail address by which users are found: in lower case, composed (NFC).

    Not case-folded: that would make `ß` and `ss` one.
    """
    return unicodedata.normalize("NFC", email.lower())


UserKey = tuple[Literal["id", "email_key", "root_id"], str]  # the column of a look-up, and the value


def known_user(user: UserRecord | None) -> UserRecord | None:
    """Return what a program may see of a user: the record without its password and token generation."""
    return None if user is None else user._replace(password="", token_generation=0)


class UserExists(WalkwireError):
    """A user with this e-mail address exists already."""


class UserStore(Protocol):
    """A store of users."""

    def add_user(self, user: UserRecord) -> None:
        """Store a user and its root in one transaction. Raises UserExists."""

    def user_by_email(self, email: str) -> UserRecord | None:
        """Return the user with this e-mail address, whatever its case, or None."""

    def user_by_id(self, user_id: str) -> UserRecord | None:
        """Return the user with this id, or None."""

    def user_by_root(self, root_id: str) -> UserRecord | None:
        """Return the user with this root, or None."""

    def find_users(self, text: str, limit: int) -> list[UserRecord]:
        """Return users for an operator: whose address contains `text`, or whose id or root it is; "" finds all.

        In the order of their addresses, at most `limit`. Scans all users.
        """

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the hash `old` by `new`, increment the token generation, and delete the user's sessions and webhook keys.

        Returns False if the stored hash is not `old`.
        """

    def prove_email(self, user_id: str) -> bool:
        """Note that an active user has proved to own the address. Returns False if that was known, or there is no such user."""

    def users(self, after: str, limit: int) -> list[UserRecord]:
        """Return users in the database's order of their addresses, those after the address `after`; "": from the first."""

    def activate_user(self, user_id: str, is_activated: bool) -> bool:
        """Let a user sign in, or not. A user who may not any more loses all tokens, sessions and webhook keys at once.

        Returns False if that was so before, or there is no such user.
        """

    def make_admin(self, user_id: str, is_admin: bool) -> bool:
        """Make a user an administrator, or no longer one. Returns False if that was so before, or there is no such user."""


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
