"""Users register, log in and change their password."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.account.conftest import PlainHasher, Sockets
from walkwire.account.auth import Auth
from walkwire.account.password import Passwords
from walkwire.account.revocation import Revocation
from walkwire.account.session import Sessions
from walkwire.account.token import Tokens
from walkwire.account.user import Login, PasswordChange, Registration, Users
from walkwire.store import Asking, Search, Store, UserExists

EMAIL = "ada@example.com"


@pytest.fixture
def auth(tokens: Tokens, revocation: Revocation) -> Auth:
    return Auth(tokens, revocation)


@pytest.fixture
async def users(
    store: Store, asking: Asking, revocation: Revocation, sessions: Sessions, hasher: PlainHasher
) -> AsyncIterator[Users]:
    passwords = Passwords(hasher)
    made = Users(store, asking, passwords, sessions, revocation)
    yield made
    await passwords.close()


async def test_who_registers_can_log_in_and_is_known_by_the_token(users: Users, auth: Auth) -> None:
    user = await users.register(EMAIL, "secret")
    session = await users.login(EMAIL, "secret")
    assert session is not None
    assert session.user == user._replace(password="hash of secret")
    caller = await auth.identify(session.token)
    assert caller is not None
    assert (caller.user_id, caller.root_id) == (user.id, user.root_id)


async def test_a_user_for_whom_the_application_vouches_is_one_and_has_no_password(
    users: Users, auth: Auth
) -> None:
    first, second = await asyncio.gather(users.vouch(EMAIL), users.vouch(EMAIL))
    assert first is not None
    assert second is not None
    assert first.user.root_id == second.user.root_id
    caller = await auth.identify(first.token)
    assert caller is not None
    assert caller.root_id == first.user.root_id
    assert await users.login(EMAIL, "") is None
    with pytest.raises(UserExists):
        await users.register(EMAIL, "secret")


async def test_every_user_has_a_root_of_their_own(users: Users, store: Store) -> None:
    first, second = await users.register(EMAIL, "secret"), await users.register("b@example.com", "secret")
    assert {first.root_id, second.root_id} <= {
        root.id for root in store.search_nodes(Search(kinds=frozenset({""})))
    }
    assert first.root_id != second.root_id


async def test_an_address_is_one_users_whatever_its_case_and_however_many_try_at_once(users: Users) -> None:
    tries = await asyncio.gather(
        *(users.register(email, "secret") for email in ("ada@example.com", "ADA@example.com") * 8),
        return_exceptions=True,
    )
    assert sum(isinstance(result, UserExists) for result in tries) == 15


async def test_a_wrong_password_and_nobody_are_answered_alike_and_for_the_same_work(
    users: Users, hasher: PlainHasher
) -> None:
    await users.register(EMAIL, "secret")
    assert await users.login(EMAIL, "wrong") is None
    assert await users.login("nobody@example.com", "secret") is None
    assert len(hasher.compared) == 2


async def test_a_new_password_ends_the_old_one_and_revokes_all_tokens(
    users: Users, auth: Auth, sockets: Sockets
) -> None:
    user = await users.register(EMAIL, "secret")
    sockets.here.add(user.root_id)
    sessions = [await users.login(EMAIL, "secret") for _ in range(2)]
    assert await users.change_password(user.id, "secret", "better")
    assert (sockets.signed_out, sockets.told) == ([user.root_id], [(user.root_id, 1)])
    for session in sessions:
        assert session is not None
        assert await auth.identify(session.token) is None
    assert await users.login(EMAIL, "secret") is None
    session = await users.login(EMAIL, "better")
    assert session is not None
    assert await auth.identify(session.token) is not None


async def test_a_wrong_old_password_changes_nothing(users: Users, auth: Auth) -> None:
    user = await users.register(EMAIL, "secret")
    session = await users.login(EMAIL, "secret")
    assert session is not None
    assert not await users.change_password(user.id, "wrong", "better")
    assert not await users.change_password("0" * 24, "secret", "better")
    assert await auth.identify(session.token) is not None
    assert await users.login(EMAIL, "secret") is not None


async def test_of_two_who_change_the_password_at_once_one_does(users: Users) -> None:
    user = await users.register(EMAIL, "secret")
    changes = await asyncio.gather(*(users.change_password(user.id, "secret", new) for new in ("one", "two")))
    assert sorted(changes) == [False, True]


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@localhost", "a@b@c.com"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    for model, password in ((Registration, "password"), (Login, "password")):
        with pytest.raises(ValidationError, match="not a valid e-mail address"):
            TypeAdapter(model).validate_python({"email": email, password: "secret"})


@pytest.mark.parametrize("password", ["", "x" * 1025, None, 1])
def test_a_password_has_at_least_one_and_at_most_1024_characters(password: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Registration).validate_python({"email": EMAIL, "password": password})
    with pytest.raises(ValidationError):
        TypeAdapter(PasswordChange).validate_python({"old_password": "secret", "new_password": password})
