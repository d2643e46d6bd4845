"""Users: accounts, found by id, e-mail address or root.

Guarantees: an e-mail address belongs to one user, whatever its case; a user and its root are created together.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError

EmailProof = Literal["unasked", "pending", "proved"]


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

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the hash `old` by `new`, increment the token generation, and delete the user's sessions and webhook keys.

        Returns False if the stored hash is not `old`.
        """

    def prove_email(self, user_id: str) -> bool:
        """Note that an active user has proved to own the address. Returns False if that was known, or there is no such user."""
