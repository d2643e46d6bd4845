"""An address is proved by who reads its mail; what the operator has closed stays closed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.account.conftest import Clock, PlainHasher
from tests.account.test_reset import Post
from walkwire.account.attempts import AttemptLimits, Attempts
from walkwire.account.password import Passwords
from walkwire.account.reset import Resets
from walkwire.account.revocation import Revocation
from walkwire.account.session import Sessions
from walkwire.account.signing.codes import PAUSE
from walkwire.account.signing.verification import LIFETIME, Verification
from walkwire.account.token import Tokens
from walkwire.account.user import Unverified, Users
from walkwire.errors import Limited
from walkwire.ids import new_id
from walkwire.store import Asking, Store, UserRecord

SECRET = b"s" * 32
EMAIL = "ada@example.com"


@pytest.fixture
async def post() -> Post:
    return Post()


@pytest.fixture(params=[True, False], ids=["required", "optional"])
async def verification(
    request: pytest.FixtureRequest, store: Store, asking: Asking, post: Post, clock: Clock
) -> AsyncIterator[Verification]:
    made = Verification(store, asking, SECRET, post, is_required=request.param, clock=clock)
    yield made
    made.close()


@pytest.fixture
async def users(
    store: Store,
    asking: Asking,
    tokens: Tokens,
    revocation: Revocation,
    hasher: PlainHasher,
    verification: Verification,
) -> AsyncIterator[Users]:
    passwords = Passwords(hasher)
    sessions = Sessions(store, asking, tokens, revocation)
    yield Users(store, asking, passwords, sessions, revocation, verification=verification)
    await passwords.close()


async def test_a_new_user_proves_the_address_once(
    users: Users, verification: Verification, post: Post, store: Store
) -> None:
    user = await users.register(EMAIL, "secret")
    code, email = await post.sent.get()
    assert email == EMAIL
    assert not user.is_ready
    assert await verification.verify(code)
    assert not await verification.verify(code)
    proved = store.user_by_id(user.id)
    assert proved is not None
    assert (proved.is_ready, proved.email_proof) == (True, "proved")
    assert await users.login(EMAIL, "secret") is not None
    assert not await verification.send_code(user.id)


async def test_who_has_not_proved_logs_in_only_if_that_is_optional(
    users: Users, verification: Verification, post: Post, clock: Clock
) -> None:
    await users.register(EMAIL, "secret")
    await post.code()
    clock.now += PAUSE
    assert await users.login(EMAIL, "wrong") is None
    assert post.sent.empty()
    if verification.is_required:
        with pytest.raises(Unverified):
            await users.login(EMAIL, "secret")
        assert await verification.verify(await post.code())  # the log-in sent another one
    assert await users.login(EMAIL, "secret") is not None


async def test_accounts_from_before_go_on_and_may_prove_their_addresses(
    users: Users, verification: Verification, post: Post, store: Store
) -> None:
    old = UserRecord(new_id(), EMAIL, "hash of secret", new_id())
    store.add_user(old)
    assert await users.login(EMAIL, "secret") is not None
    assert await verification.send_code(old.id)
    assert await verification.verify(await post.code())
    assert not await verification.send_code(old.id)
    assert not await verification.send_code(new_id())


async def test_a_code_does_not_open_what_the_operator_has_closed(
    verification: Verification, store: Store, post: Post
) -> None:
    off = UserRecord(new_id(), EMAIL, "hash", new_id(), is_activated=False, email_proof="pending")
    store.add_user(off)
    assert not await verification.verify(verification._codes.make(off))
    assert store.user_by_id(off.id) == off


async def test_a_code_is_good_for_a_day_and_for_nothing_else(
    store: Store, users: Users, verification: Verification, post: Post, tokens: Tokens, clock: Clock
) -> None:
    user = await users.register(EMAIL, "secret")
    code = await post.code()
    resets = Resets(store, users, SECRET, post, clock)
    assert not await resets.replace(code, "stolen")
    assert tokens.read(code) is None
    resets.send_code(EMAIL)
    assert not await verification.verify(await post.code())
    assert not await verification.verify(tokens.make(user)[0])
    clock.now += LIFETIME
    assert not await verification.verify(code)
    clock.now -= 1
    assert await verification.verify(code)
    resets.close()


async def test_a_new_password_by_a_code_proves_the_address(
    store: Store, users: Users, post: Post, clock: Clock
) -> None:
    user = await users.register(EMAIL, "secret")
    await post.code()
    resets = Resets(store, users, SECRET, post, clock)
    resets.send_code(EMAIL)
    assert await resets.replace(await post.code(), "new")
    resets.close()
    assert await users.login(EMAIL, "new") is not None
    proved = store.user_by_id(user.id)
    assert proved is not None
    assert proved.email_proof == "proved"


async def test_a_client_asks_for_and_tries_so_many_codes(
    store: Store, asking: Asking, post: Post, clock: Clock
) -> None:
    attempts = Attempts(AttemptLimits(address=2, resets=1), clock)
    verification = Verification(store, asking, SECRET, post, clock=clock, attempts=attempts)
    user = UserRecord(new_id(), EMAIL, "hash", new_id(), email_proof="pending")
    store.add_user(user)
    assert await verification.send_code(user.id, address="192.0.2.1")
    with pytest.raises(Limited):
        await verification.send_code(user.id, address="192.0.2.1")
    for _ in range(2):
        assert not await verification.verify("x", address="192.0.2.1")
    with pytest.raises(Limited):
        await verification.verify(await post.code(), address="192.0.2.1")
    verification.close()


async def test_a_client_that_logs_in_unverified_again_and_again_sends_so_many_codes(
    store: Store,
    asking: Asking,
    tokens: Tokens,
    revocation: Revocation,
    hasher: PlainHasher,
    post: Post,
    clock: Clock,
) -> None:
    attempts, passwords = Attempts(AttemptLimits(resets=1), clock), Passwords(hasher)
    verification = Verification(store, asking, SECRET, post, is_required=True, clock=clock)
    users = Users(store, asking, passwords, tokens, revocation, attempts, verification)
    await users.register(EMAIL, "secret", address="192.0.2.1")
    with pytest.raises(Unverified):
        await users.login(EMAIL, "secret", address="192.0.2.1")
    with pytest.raises(Limited):
        await users.login(EMAIL, "secret", address="192.0.2.1")
    await passwords.close()
    verification.close()


async def test_nobody_is_written_to_where_no_mail_arrives(
    verification: Verification, store: Store, post: Post
) -> None:
    for email in (f"{new_id()}@users.invalid", EMAIL):
        user = UserRecord(new_id(), email, "", new_id())
        store.add_user(user)
        assert await verification.send_code(user.id)
    assert (await post.sent.get())[1] == EMAIL
    assert post.sent.empty()
