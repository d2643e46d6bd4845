"""Users: accounts, found by id, e-mail address or root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from walkwire.errors import WalkwireError


class UserRecord(NamedTuple):
    """A user. `password` is a hash. Raising `token_generation` revokes all tokens issued before. `state` is the program's own."""

    id: str
    email: str
    password: str
    root_id: str
    token_generation: int = 0
    is_activated: bool = True
    is_admin: bool = False
    state: Mapping[str, Any] = {}


UserKey = tuple[Literal["id", "email_key", "root_id"], str]  # how a user was looked up, and by which value


def known_user(user: UserRecord | None) -> UserRecord | None:
    """Return what a program may see of a user: the record without its password and token generation."""
    return None if user is None else user._replace(password="", token_generation=0)


class UserExists(WalkwireError):
    """That e-mail address has a user already."""


class UserStore(Protocol):
    """Users. An e-mail address is one user's, whatever its case."""

    def add_user(self, user: UserRecord) -> None:
        """Store a user and its root, together. Raises UserExists."""

    def user_by_email(self, email: str) -> UserRecord | None:
        """The user with this address, in any case."""

    def user_by_id(self, user_id: str) -> UserRecord | None:
        """The user with this id."""

    def user_by_root(self, root_id: str) -> UserRecord | None:
        """The user whose root this is."""

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the hash `old` by `new` and raise the token generation by one; False where the hash is another by now."""

    def token_generations(self, root_ids: Sequence[str]) -> dict[str, int]:
        """The token generations of the active users with these roots; the others are left out."""
