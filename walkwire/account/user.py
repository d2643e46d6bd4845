"""User: an e-mail address, a password, a root. Here users are made, log in and change their password."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, Field, WithJsonSchema

from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.token import Tokens
from walkwire.errors import CommitInDoubt
from walkwire.ids import new_id
from walkwire.store import Asking, UserRecord, UserStore


def normalised(email: str) -> str:
    """An address as it is kept and compared: checked by its form, in lower case. Raises ValueError with a sentence.

    Whether anybody reads mail there is not asked; the domains kept for tests (RFC 2606's `.test`) are let in.
    """
    try:
        found = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(f"not a valid e-mail address: {error}") from None
    return found.normalized.lower()


Email = Annotated[str, AfterValidator(normalised), WithJsonSchema({"type": "string", "format": "email"})]

# Jac Cloud's clients chose their passwords without a rule, so the lower bound is only "some"; the upper one bounds the work.
Password = Annotated[str, Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})]


class Registration(BaseModel):
    """What makes a user."""

    email: Email
    password: Password


class Login(BaseModel):
    """What opens an account."""

    email: Email
    password: Password


class PasswordChange(BaseModel):
    """The password now, and the one from now on."""

    old_password: Password
    new_password: Password


class ResetRequest(BaseModel):
    """Who has lost the password."""

    email: Email


class Reset(BaseModel):
    """The code that was sent, and the password from now on."""

    code: Annotated[str, Field(min_length=1)]
    password: Password


class Session(NamedTuple):
    """A user who logged in: the token to show from now on, and the Unix second at which it ends."""

    user: UserRecord
    token: str
    expires: int


class Users:
    """The accounts. The store is called in threads, passwords are hashed in others: no call blocks the event loop."""

    def __init__(
        self,
        store: UserStore,
        asking: Asking,
        passwords: Passwords,
        tokens: Tokens,
        revocation: Revocation,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._passwords = passwords
        self._tokens = tokens
        self._revocation = revocation

    async def register(self, email: str, password: str, state: Mapping[str, Any] | None = None) -> UserRecord:
        """A new user with a root. `email` is normalised, `state` the program's own. Raises UserExists, Busy."""
        hashed = await self._passwords.hash(password)
        user = UserRecord(new_id(), email, hashed, new_id(), state=state or {})
        await self._ask(self._store.add_user, user)
        return user

    async def login(self, email: str, password: str) -> Session | None:
        """A session, None for a wrong password and for nobody alike, in the same time. Raises Busy."""
        user = await self._ask(self._store.user_by_email, email)
        is_right = await self._passwords.is_right(password, user and user.password)
        if user is None or not is_right or not user.is_activated:
            return None
        return Session(user, *self._tokens.make(user))

    async def change_password(self, user_id: str, old: str, new: str) -> bool:
        """Replace the password and revoke all tokens of the user; False where `old` is not the password. Raises Busy."""
        user = await self._ask(self._store.user_by_id, user_id)
        if user is None or not await self._passwords.is_right(old, user.password):
            return False
        return await self._renew(user, new)

    async def reset(self, user_id: str, token_generation: int, password: str) -> bool:
        """Replace the password and revoke all tokens of the user, if `token_generation` is still the user's. Raises Busy."""
        user = await self._ask(self._store.user_by_id, user_id)
        return (
            user is not None
            and user.token_generation == token_generation
            and await self._renew(user, password)
        )

    async def _renew(self, user: UserRecord, password: str) -> bool:
        hashed = await self._passwords.hash(password)
        # A caller that hangs up here must not leave tokens trusted that the store has revoked.
        return await asyncio.shield(self._replace(user, hashed))

    async def _replace(self, user: UserRecord, hashed: str) -> bool:
        new_generation = user.token_generation + 1  # as long as the hash is the old one, so is the generation
        try:
            is_changed = await self._ask(self._store.change_password, user.id, user.password, hashed)
        except CommitInDoubt:
            self._revocation.revoke(
                user.root_id, new_generation
            )  # trust is built up again by what the store says
            raise
        if is_changed:
            self._revocation.revoke(user.root_id, new_generation)
        return is_changed
