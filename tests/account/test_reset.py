"""A lost password is replaced by who reads the mail of the account, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.account.conftest import Clock, PlainHasher
from walkwire.account.attempts import WINDOW, AttemptLimits, Attempts
from walkwire.account.password import Passwords
from walkwire.account.reset import LIFETIME, Resets
from walkwire.account.revocation import Revocation
from walkwire.account.session import Sessions
from walkwire.account.signing.codes import PAUSE
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.errors import Limited
from walkwire.store import Asking, Store

SECRET = b"s" * 32
EMAIL = "ada@example.com"


class Post:
    """Where codes are sent: `sent` is what came, in order. The next one fails where `is_down`."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.is_down = False
        self.failed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, code: str, email: str) -> None:
        if self.is_down:
            self._loop.call_soon_threadsafe(self.failed.set)
            raise OSError("the post is down")
        self._loop.call_soon_threadsafe(self.sent.put_nowait, (code, email))

    async def code(self) -> str:
        """The next code."""
        return (await self.sent.get())[0]


@pytest.fixture
async def users(
    store: Store, asking: Asking, sessions: Sessions, revocation: Revocation, hasher: PlainHasher
) -> AsyncIterator[Users]:
    passwords = Passwords(hasher)
    made = Users(store, asking, passwords, sessions, revocation)
    yield made
    await passwords.close()


@pytest.fixture
async def post() -> Post:
    return Post()


@pytest.fixture
def resets(store: Store, users: Users, post: Post, clock: Clock) -> Iterator[Resets]:
    made = Resets(store, users, SECRET, post, clock)
    yield made
    made.close()


async def test_a_code_replaces_the_password_once(users: Users, resets: Resets, post: Post) -> None:
    await users.register(EMAIL, "old")
    resets.send_code(EMAIL)
    code, email = await post.sent.get()
    assert email == EMAIL
    assert await resets.replace(code, "new")
    assert await users.login(EMAIL, "old") is None
    assert await users.login(EMAIL, "new") is not None
    assert not await resets.replace(code, "newer")


async def test_a_code_is_void_when_the_password_was_changed_meanwhile(
    users: Users, resets: Resets, post: Post
) -> None:
    user = await users.register(EMAIL, "old")
    resets.send_code(EMAIL)
    code = await post.code()
    assert await users.change_password(user.id, "old", "changed")
    assert not await resets.replace(code, "new")


async def test_a_code_is_good_for_an_hour(users: Users, resets: Resets, post: Post, clock: Clock) -> None:
    await users.register(EMAIL, "old")
    resets.send_code(EMAIL)
    code = await post.code()
    clock.now += LIFETIME
    assert not await resets.replace(code, "new")
    clock.now -= 1
    assert await resets.replace(code, "new")


async def test_a_code_is_no_token_and_a_token_no_code(
    users: Users, resets: Resets, post: Post, tokens: Tokens
) -> None:
    user = await users.register(EMAIL, "old")
    resets.send_code(EMAIL)
    assert tokens.read(await post.code()) is None
    assert not await resets.replace(tokens.make(user)[0], "new")


@pytest.mark.parametrize("code", ["", "x", "a.b.c", "x" * 100_000, "é", "\ud800"])
async def test_nonsense_is_no_code(code: str, resets: Resets) -> None:
    assert not await resets.replace(code, "new")


async def test_nobody_is_written_to_who_has_no_account(users: Users, resets: Resets, post: Post) -> None:
    await users.register(EMAIL, "old")
    resets.send_code("nobody@example.com")
    resets.send_code(EMAIL)
    assert (await post.sent.get())[1] == EMAIL
    assert post.sent.empty()


async def test_an_address_is_written_to_once_a_minute(
    users: Users, resets: Resets, post: Post, clock: Clock
) -> None:
    await users.register(EMAIL, "old")
    await users.register("bob@example.com", "old")
    for email in (EMAIL, EMAIL, "bob@example.com"):
        resets.send_code(email)
    assert [(await post.sent.get())[1] for _ in range(2)] == [EMAIL, "bob@example.com"]
    clock.now += PAUSE
    resets.send_code(EMAIL)
    assert (await post.sent.get())[1] == EMAIL


async def test_a_code_that_could_not_be_sent_is_logged(
    users: Users, resets: Resets, post: Post, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await users.register(EMAIL, "old")
    post.is_down = True
    resets.send_code(EMAIL)
    await post.failed.wait()
    post.is_down = False
    clock.now += PAUSE
    resets.send_code(EMAIL)
    assert await resets.replace(await post.code(), "new")
    assert "the post is down" in caplog.text


async def test_a_code_beyond_those_that_wait_is_dropped_and_nobody_can_tell(
    store: Store, users: Users, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await users.register(EMAIL, "old")
    gate, sent = threading.Event(), []

    def send(code: str, email: str) -> None:
        gate.wait()
        sent.append(email)

    resets = Resets(store, users, SECRET, send, clock, waiting=2)
    for email in (EMAIL, "a@example.com", "b@example.com", "c@example.com"):
        resets.send_code(email)  # raises nothing
    assert caplog.text.count("Codes for new passwords dropped: 1, as 2 wait to be sent") == 1
    gate.set()
    resets.close()
    assert sent == [EMAIL]


async def test_a_client_may_ask_for_so_many_codes(
    store: Store, users: Users, post: Post, clock: Clock
) -> None:
    attempts = Attempts(AttemptLimits(resets=2), clock)
    resets = Resets(store, users, SECRET, post, clock, attempts=attempts)
    for email in ("a@example.com", "b@example.com"):
        resets.send_code(email, address="192.0.2.1")
    with pytest.raises(Limited):
        resets.send_code("c@example.com", address="192.0.2.1")
    resets.send_code("c@example.com", address="192.0.2.2")
    clock.now += WINDOW
    resets.send_code("c@example.com", address="192.0.2.1")
    resets.close()
