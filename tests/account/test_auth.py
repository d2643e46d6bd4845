"""Who is calling, and when a token stops telling."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.account.conftest import Clock
from walkwire.account.auth import PUBLIC, STALENESS, Auth, Caller
from walkwire.account.token import LIFETIME, Tokens
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, UserRecord, UserStore

SECRET = b"s" * 32
USER = UserRecord(new_id(), "a@example.com", "hash", new_id())


class Counted:
    """A user store that counts what it is asked, and can be made to wait or to fail."""

    def __init__(self, store: UserStore) -> None:
        self._store = store
        self.asked = 0
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()
        self.is_asking = threading.Event()

    def user_by_id(self, user_id: str) -> UserRecord | None:
        self.asked += 1
        found = self._store.user_by_id(user_id)
        self.is_asking.set()
        self.gate.wait()
        if self.fails:
            raise ConnectionError("the database is away")
        return found

    def add_user(self, user: UserRecord) -> None:
        self._store.add_user(user)

    def user_by_email(self, email: str) -> UserRecord | None:
        return self._store.user_by_email(email)

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        return self._store.change_password(user_id, old, new)


@pytest.fixture
def users(store: Store) -> Counted:
    store.add_user(USER)
    return Counted(store)


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(SECRET, clock)


@pytest.fixture
def token(tokens: Tokens) -> str:
    return tokens.make(USER)[0]


@pytest.fixture
def auth(users: Counted, tokens: Tokens, clock: Clock) -> Iterator[Auth]:
    made = Auth(users, tokens, clock)
    yield made
    made.close()


@pytest.mark.parametrize("form", ["{}", "Bearer {}", "bearer {}", " BEARER  {} "])
async def test_a_token_tells_its_user(form: str, auth: Auth, token: str) -> None:
    assert await auth.authenticate(form.format(token)) == Caller(USER.root_id, USER.id)


@pytest.mark.parametrize("token", [None, "", "Bearer ", "nonsense", "Bearer nonsense"])
async def test_a_bad_token_or_none_is_the_public_user(token: str | None, auth: Auth) -> None:
    assert await auth.authenticate(token) == PUBLIC == Caller(PUBLIC_ROOT, None)


async def test_a_token_that_is_over_is_nobodys(auth: Auth, token: str, clock: Clock) -> None:
    clock.now += LIFETIME
    assert await auth.identify(token) is None
    assert await auth.authenticate(token) == PUBLIC


async def test_a_token_of_a_user_who_is_not_there_is_nobodys(auth: Auth, tokens: Tokens) -> None:
    stranger, _ = tokens.make(USER._replace(id=new_id()))
    assert await auth.identify(stranger) is None


async def test_a_token_of_an_account_that_is_off_is_nobodys(auth: Auth, tokens: Tokens, store: Store) -> None:
    off = UserRecord(new_id(), "off@example.com", "hash", new_id(), is_activated=False)
    store.add_user(off)
    assert await auth.identify(tokens.make(off)[0]) is None


async def test_tokens_end_at_once_with_a_new_password_here(auth: Auth, token: str, users: Counted) -> None:
    ended: list[str] = []
    auth.on_tokens_ended = ended.append
    assert await auth.identify(token) is not None
    assert users.change_password(USER.id, "hash", "new hash")
    auth.end_tokens(USER)
    assert await auth.identify(token) is None
    assert ended == [USER.root_id]


async def test_tokens_made_after_a_new_password_are_good(auth: Auth, tokens: Tokens, users: Counted) -> None:
    users.change_password(USER.id, "hash", "new hash")
    auth.end_tokens(USER)
    user = users.user_by_email(USER.email)
    assert user is not None
    assert await auth.identify(tokens.make(user)[0]) == Caller(USER.root_id, USER.id)


async def test_tokens_end_soon_with_a_new_password_elsewhere(
    auth: Auth, token: str, users: Counted, clock: Clock
) -> None:
    assert await auth.identify(token) is not None
    users.change_password(USER.id, "hash", "new hash")  # by another process: this one is not told
    clock.now += STALENESS
    assert await auth.identify(token) is None


async def test_a_token_made_elsewhere_after_a_new_password_is_good_at_once(
    auth: Auth, tokens: Tokens, token: str, users: Counted
) -> None:
    assert await auth.identify(token) is not None
    users.change_password(USER.id, "hash", "new hash")
    user = users.user_by_email(USER.email)
    assert user is not None
    assert await auth.identify(tokens.make(user)[0]) is not None
    assert await auth.identify(token) is None


async def test_a_busy_user_costs_the_store_one_question_in_a_while(
    auth: Auth, token: str, users: Counted, clock: Clock
) -> None:
    for _ in range(100):
        assert await auth.identify(token) is not None
    assert users.asked == 1
    clock.now += STALENESS
    assert await auth.identify(token) is not None
    assert users.asked == 2


async def test_a_crowd_with_one_token_asks_the_store_once(auth: Auth, token: str, users: Counted) -> None:
    callers = await asyncio.gather(*(auth.identify(token) for _ in range(50)))
    assert callers == [Caller(USER.root_id, USER.id)] * 50
    assert users.asked == 1


async def test_an_answer_of_before_a_new_password_is_asked_again(
    auth: Auth, token: str, users: Counted
) -> None:
    users.gate.clear()
    calling = asyncio.ensure_future(auth.identify(token))
    await asyncio.to_thread(users.is_asking.wait)  # the store has given its answer, which is still on its way
    users.change_password(USER.id, "hash", "new hash")
    auth.end_tokens(USER)
    users.gate.set()
    assert await calling is None
    assert users.asked == 2


async def test_one_who_stops_waiting_takes_the_answer_from_nobody(
    auth: Auth, token: str, users: Counted
) -> None:
    users.gate.clear()
    first, second = (asyncio.ensure_future(auth.identify(token)) for _ in range(2))
    await asyncio.to_thread(users.is_asking.wait)
    first.cancel()
    users.gate.set()
    assert await second == Caller(USER.root_id, USER.id)


async def test_a_store_that_fails_is_an_error_for_rest_and_the_public_user_for_a_socket(
    auth: Auth, token: str, users: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    users.fails = True
    with pytest.raises(ConnectionError):
        await auth.identify(token)
    assert await auth.authenticate(token) == PUBLIC
    assert "could not be checked" in caplog.text
    assert token not in caplog.text
    users.fails = False
    assert await auth.authenticate(token) == Caller(USER.root_id, USER.id)


async def test_only_so_many_users_are_remembered(
    auth: Auth, tokens: Tokens, users: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("walkwire.account.auth.REMEMBERED", 3)
    others = [UserRecord(new_id(), f"{number}@example.com", "hash", new_id()) for number in range(5)]
    for user in others:
        users.add_user(user)
        assert await auth.identify(tokens.make(user)[0]) is not None
    assert users.asked == 5
    assert await auth.identify(tokens.make(others[4])[0]) is not None
    assert users.asked == 5
    assert await auth.identify(tokens.make(others[0])[0]) is not None
    assert users.asked == 6
