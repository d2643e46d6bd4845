"""User: registers users, logs them in and changes their passwords. A user has an e-mail address, a password and a root."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field

from walkwire.account.attempts import Attempts
from walkwire.account.email import Email
from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.session import LONGEST_REFRESH, Session, Sessions
from walkwire.account.signing.verification import Verification
from walkwire.account.token import LONGEST
from walkwire.errors import BadEvent, CommitInDoubt, WalkwireError
from walkwire.ids import new_id
from walkwire.store import Asking, EmailProof, UserExists, UserRecord, UserStore

NO_PASSWORD = ""  # is no hash, so no password fits it
# Jac Cloud had no rule for passwords, so the shortest has one character; `Users` may require more of new ones. The upper bound
# limits the cost of a hash.
Password = Annotated[str, Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})]


class Registration(BaseModel):
    """A user to register."""

    email: Email
    password: Password


class Login(BaseModel):
    """Address and password of a user who logs in.

    - refresh: whether the client wants a short token with a refresh token
    - cookie: whether the token is set as a cookie, for browsers
    """

    email: Email
    password: Password
    refresh: bool = False
    cookie: bool = False


RefreshToken = Annotated[str, Field(min_length=1, max_length=LONGEST_REFRESH)]


class Refresh(BaseModel):
    """The refresh token that was given last."""

    refresh_token: RefreshToken


class Logout(BaseModel):
    """A refresh token of the session that is to end; without one, the token of the request says which."""

    refresh_token: RefreshToken | None = None


class PasswordChange(BaseModel):
    """The present and the new password."""

    old_password: Password
    new_password: Password


class ResetRequest(BaseModel):
    """The address of a user who has lost the password."""

    email: Email


class Reset(BaseModel):
    """The code that was sent, and the new password."""

    code: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    password: Password


class VerificationCode(BaseModel):
    """The code that was sent to the address of a user."""

    code: Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Unverified(WalkwireError):
    """The user has to prove the e-mail address before logging in. A code was sent to it."""


class Users:
    """Register users, log them in, and change passwords. No call blocks the event loop.

    `password_length`: how many characters a new password has at least.
    `address` is that of the client; empty: it has none, or nobody counts it. Calls raise Limited after too many attempts
    (`account/attempts`).
    """

    def __init__(
        self,
        store: UserStore,
        asking: Asking,
        passwords: Passwords,
        sessions: Sessions,
        revocation: Revocation,
        attempts: Attempts | None = None,
        verification: Verification | None = None,
        *,
        password_length: int = 1,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._passwords = passwords
        self._sessions = sessions
        self._revocation = revocation
        self.attempts = attempts or Attempts()
        self._verification = verification
        self._password_length = password_length

    @property
    def waiting(self) -> int:
        """Return how many passwords wait to be hashed."""
        return self._passwords.waiting

    async def register(
        self, email: str, password: str, state: Mapping[str, Any] | None = None, *, address: str = ""
    ) -> UserRecord:
        """Store a new user with a root.

        - email: as `normalised` returns it
        - state: the program's own fields

        Raises UserExists, Busy, Limited, and BadEvent for a password that is too short.
        """
        self._require_length(password, "password")
        with self.attempts.registration(email, address) as attempt:
            hashed = await self._passwords.hash(password, is_suspect=attempt.is_suspect)
            proof: EmailProof = "unasked" if self._verification is None else "pending"
            user = UserRecord(new_id(), email, hashed, new_id(), email_proof=proof, state=state or {})
            await self._ask(self._store.add_user, user)
            if self._verification is not None:
                self._verification.order_code(email)
            return user

    async def login(
        self, email: str, password: str, *, has_refresh: bool = False, address: str = ""
    ) -> Session | None:
        """Return a session; None for a wrong password or an unknown user, after the same time.

        - has_refresh: whether it has a refresh token

        Raises Busy, Limited, and Unverified after the right password, if the address has to be proved before.
        """
        with self.attempts.guess(email, address) as attempt:
            user = await self._ask(self._store.user_by_email, email)
            kept = user and user.password
            is_right = await self._passwords.is_right(password, kept, is_suspect=attempt.is_suspect)
            if user is None or not is_right or not user.is_activated:
                return None
            attempt.succeed()
            if (
                user.email_proof == "pending"
                and self._verification is not None
                and self._verification.is_required
            ):
                self.attempts.reset(address)
                self._verification.order_code(user.email)
                raise Unverified
            return await self.open_session(user, has_refresh=has_refresh)

    async def open_session(self, user: UserRecord, *, has_refresh: bool = False) -> Session | None:
        """Return a session of a user who has proved to be one. None if the password changed meanwhile. Raises Limited."""
        return await self._sessions.begin(user, has_refresh=has_refresh)

    async def vouch(self, email: str) -> Session | None:
        """Return a session of the user with this address, for whom an application around the server vouches.

        A new user is stored, without a password. None if the user is deactivated. Raises Busy, Limited.

        - email: as `normalised` returns it
        """
        user = await self._ask(self._store.user_by_email, email)
        if user is None:
            user = UserRecord(new_id(), email, NO_PASSWORD, new_id(), email_proof="proved")
            try:
                await self._ask(self._store.add_user, user)
            except UserExists:  # by another call at this moment
                user = await self._ask(self._store.user_by_email, email)
        return await self.open_session(user) if user is not None and user.is_activated else None

    async def change_password(self, user_id: str, old: str, new: str, *, address: str = "") -> bool:
        """Replace the password and revoke all tokens of the user. Returns False if `old` is not the password.

        Raises Busy, Limited, and BadEvent for a new password that is too short.
        """
        self._require_length(new, "new_password")
        user = await self._ask(self._store.user_by_id, user_id)
        if user is None:
            return False
        with self.attempts.guess(user.email, address) as attempt:
            if not await self._passwords.is_right(old, user.password, is_suspect=attempt.is_suspect):
                return False
            attempt.succeed()
            return await self._renew(user, new, attempt.is_suspect)

    async def reset(self, user_id: str, token_generation: int, password: str, *, address: str = "") -> bool:
        """Replace the password and revoke all tokens of the user, unless the token generation has changed: then return False.

        The caller has shown a code that was sent to the user's address, so the address is proved.

        Raises Busy, Limited, and BadEvent for a password that is too short.
        """
        self._require_length(password, "password")
        with self.attempts.guess("", address) as attempt:
            user = await self._ask(self._store.user_by_id, user_id)
            if user is None or user.token_generation != token_generation:
                return False
            attempt.succeed()
            is_done = await self._renew(user, password, attempt.is_suspect)
            if is_done:
                self.attempts.forgive(user.email)
                await self._ask(self._store.prove_email, user.id)
            return is_done

    def _require_length(self, password: str, name: str) -> None:
        least = self._password_length
        if len(password) < least:
            message = f"String should have at least {least} characters"
            detail = {"type": "string_too_short", "loc": ["body", name], "msg": message, "input": None}
            raise BadEvent(f"{name}: {message}", [detail | {"ctx": {"min_length": least}}])

    async def _renew(self, user: UserRecord, password: str, is_suspect: bool) -> bool:
        hashed = await self._passwords.hash(password, is_suspect=is_suspect)
        # Go on if the caller disconnects: tokens that the store has revoked must not stay trusted here.
        return await asyncio.shield(self._replace(user, hashed))

    async def _replace(self, user: UserRecord, hashed: str) -> bool:
        new_generation = user.token_generation + 1  # the store changes both or neither
        try:
            is_changed = await self._ask(self._store.change_password, user.id, user.password, hashed)
        except CommitInDoubt:
            self._revocation.revoke(
                user.root_id, new_generation
            )  # whether it was done, the store answers later
            raise
        if is_changed:
            self._revocation.revoke(user.root_id, new_generation)
        return is_changed
