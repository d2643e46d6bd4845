"""Who is calling, by a token."""

from __future__ import annotations

import pytest

from tests.account.conftest import Clock
from walkwire.account.auth import PUBLIC, Auth, Caller
from walkwire.account.revocation import Revocation
from walkwire.account.token import LIFETIME, Tokens
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, TokenState, UserRecord

USER = UserRecord(new_id(), "a@example.com", "hash", new_id())
SESSION = new_id()
CALLER = Caller(USER.root_id, USER.id, 0, SESSION, int(Clock().now) + LIFETIME)


class Failing:
    """A store that cannot be asked while it `fails`."""

    def __init__(self, store: Store) -> None:
        self.fails = True
        self._store = store

    def token_states(self, root_ids: list[str]) -> dict[str, TokenState]:
        if self.fails:
            raise ConnectionError("the database is away")
        return self._store.token_states(root_ids)


@pytest.fixture
def token(tokens: Tokens) -> str:
    return tokens.make(USER, SESSION)[0]


@pytest.fixture
def auth(store: Store, tokens: Tokens, revocation: Revocation) -> Auth:
    store.add_user(USER)
    return Auth(tokens, revocation)


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}", " BEARER  {} "])
async def test_a_token_tells_its_user(form: str, auth: Auth, token: str) -> None:
    assert await auth.authenticate(form.format(token)) == CALLER


@pytest.mark.parametrize("token", [None, "", "Bearer ", "nonsense", "Bearer nonsense"])
async def test_a_bad_token_or_none_is_the_public_user(token: str | None, auth: Auth) -> None:
    assert await auth.authenticate(token) == PUBLIC == Caller(PUBLIC_ROOT, None)


async def test_a_token_that_is_over_is_nobodys(auth: Auth, token: str, clock: Clock) -> None:
    clock.now += LIFETIME
    assert await auth.identify(token) is None
    assert await auth.authenticate(token) == PUBLIC


async def test_a_revoked_token_is_nobodys(auth: Auth, token: str, revocation: Revocation) -> None:
    revocation.hear(USER.root_id, 1)
    assert await auth.identify(token) is None
    assert await auth.authenticate(token) == PUBLIC


async def test_a_store_that_fails_is_an_error_for_rest_and_the_public_user_for_a_socket(
    auth: Auth, token: str, store: Store, revocation: Revocation, caplog: pytest.LogCaptureFixture
) -> None:
    failing = revocation._store = Failing(store)  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        await auth.identify(token)
    assert await auth.authenticate(token) == PUBLIC
    assert "could not be checked" in caplog.text
    assert token not in caplog.text
    failing.fails = False
    assert await auth.authenticate(token) == CALLER
