"""Users: which user of ours a user of a provider is: found by issuer and subject, and made at first sight where that is set.

An e-mail address alone never makes two accounts one: an attacker could have registered the victim's address before (account
pre-hijacking). An existing account is linked only if a setting asks for it, and the provider and we have verified the address.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from walkwire.account.email import normalised
from walkwire.account.outside.token import OutsideClaims, OutsideTokens
from walkwire.account.revocation import Revocation
from walkwire.account.signing.codes import NO_MAIL
from walkwire.account.token import REMEMBERED, TokenClaims, session_of
from walkwire.account.user import NO_PASSWORD
from walkwire.errors import WalkwireError
from walkwire.ids import new_id
from walkwire.store import Asking, IdentityExists, Store, UserExists, UserRecord


class OpenId(NamedTuple):
    """What a provider tells of a user, with the names of Jac Cloud. Absent: None."""

    id: str
    provider: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    picture: str | None = None


_log = logging.getLogger(__name__)

StateOf = Callable[[OpenId], Mapping[str, Any]]
"""Returns the program's own fields of a new user. Called in a thread. Raises ValueError if there can be no such user."""


class FieldsRefused(WalkwireError):
    """The program's class of users needs other fields. The sentence is for the log."""


class AddressTaken(WalkwireError):
    """Another account has the e-mail address."""


class OutsideUsers:
    """Find and make the users of providers.

    - state_of: the program's own fields of a new user
    - links: whether existing accounts with the same verified e-mail address are linked
    """

    def __init__(
        self, store: Store, asking: Asking, state_of: StateOf = lambda open_id: {}, *, links: bool = False
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._state_of = state_of
        self._links = links

    async def find(self, issuer: str, claims: OutsideClaims) -> UserRecord | None:
        """Return the user of an identity; None if there is none. Links an account if that is allowed."""
        user = await self._ask(self._store.user_by_identity, issuer, claims.subject)
        email = _email(claims)
        if user is not None or not self._links or email is None:
            return user
        owner = await self._ask(self._store.user_by_email, email)
        if owner is None or owner.email_proof != "proved" or not owner.is_activated:
            return None
        with suppress(IdentityExists):  # another server was faster
            await self._ask(self._store.add_identity, owner.id, issuer, claims.subject)
        return await self._ask(self._store.user_by_identity, issuer, claims.subject)

    async def register(
        self, issuer: str, claims: OutsideClaims, provider: str, *, has_email: bool = True
    ) -> UserRecord:
        """Make a user of an identity that has none, and return it; the one that another server made meanwhile, if so.

        Without a verified e-mail address, or if `has_email` is False, the user gets an address to which no mail can be sent.

        Raises AddressTaken, FieldsRefused.
        """
        email = _email(claims) if has_email else None
        try:
            state = await self._ask(self._state_of, _open_id(claims, provider))
        except ValueError as error:
            _log.error("A user of %s cannot be made: %s", issuer, error)
            raise FieldsRefused from None
        user = UserRecord(new_id(), "", NO_PASSWORD, new_id(), state=state)
        if email is None:
            user = user._replace(email=f"{user.id}@users{NO_MAIL}")
        else:
            user = user._replace(email=email, email_proof="proved")
        try:
            await self._ask(self._store.add_outside_user, user, issuer, claims.subject)
        except UserExists:
            if (made := await self.find(issuer, claims)) is None:
                raise AddressTaken from None
            return made
        except IdentityExists:
            made = await self.find(issuer, claims)
            assert made is not None  # identities are not deleted while their user exists
            return made
        return user


class Bearers:
    """Identify callers by the tokens of a provider. `Auth` asks it about tokens that are not ours.

    A token counts for as long as its provider says and its user is active: our revocations do not reach it.

    - registers: whether users are made at first sight
    """

    def __init__(
        self,
        tokens: OutsideTokens,
        users: OutsideUsers,
        store: Store,
        asking: Asking,
        revocation: Revocation,
        *,
        registers: bool = False,
    ) -> None:
        self._tokens = tokens
        self._users = users
        self._store = store
        self._ask = asking.ask
        self._revocation = revocation
        self._registers = registers
        self._known: OrderedDict[str, UserRecord] = OrderedDict()  # by subject

    async def claims(self, token: str) -> TokenClaims | None:
        """Return the claims of a token as of one of our own, with the present token generation; None if it is not valid."""
        claims = await self._tokens.read(token)
        if claims is None:
            return None
        user = self._known.get(claims.subject) or await self._user(claims)
        if user is None:
            return None
        session = session_of(token)
        if not await self._revocation.is_current(user.root_id, user.token_generation, session):
            user = await self._ask(self._store.user_by_id, user.id)  # the generation may have been raised
        if user is None or not user.is_activated:
            self._known.pop(claims.subject, None)
            return None
        self._known[claims.subject] = user
        self._known.move_to_end(claims.subject)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return TokenClaims(user.id, user.root_id, user.token_generation, claims.expires, session)

    async def _user(self, claims: OutsideClaims) -> UserRecord | None:
        user = await self._users.find(self._tokens.issuer, claims)
        if user is not None or not self._registers:
            return user
        register = partial(self._users.register, self._tokens.issuer, claims, "oidc")
        try:
            return await register()
        except AddressTaken:
            return await register(has_email=False)
        except FieldsRefused:
            return None


def _email(claims: OutsideClaims) -> str | None:
    """Return the address that the provider has verified, in the form in which it is stored."""
    with suppress(ValueError):
        return None if claims.email is None else normalised(claims.email)
    return None


def _open_id(claims: OutsideClaims, provider: str) -> OpenId:
    names = ("given_name", "family_name", "name", "picture")
    told = (claims.told.get(name) for name in names)
    texts = (text if isinstance(text, str) else None for text in told)
    return OpenId(claims.subject, provider, claims.email, *texts)
