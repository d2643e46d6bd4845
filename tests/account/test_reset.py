"""A lost password is replaced by who reads the mail of the account, once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.account.conftest import Clock, PlainHasher
from walkwire.account.password import Passwords
from walkwire.account.reset import LIFETIME, PAUSE, WAITING, Resets
from walkwire.account.revocation import Revocation
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.errors import Busy
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
def users(
    store: Store, asking: Asking, tokens: Tokens, revocation: Revocation, hasher: PlainHasher
) -> Iterator[Users]:
    passwords = Passwords(hasher)
    made = Users(store, asking, passwords, tokens, revocation)
    yield made
    passwords.close()


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


async def test_more_than_can_be_sent_is_busy(resets: Resets) -> None:
    for number in range(WAITING):
        resets.send_code(f"{number}@example.com")
    with pytest.raises(Busy):
        resets.send_code(EMAIL)
