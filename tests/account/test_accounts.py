"""The accounts of a server, made and closed together."""

from __future__ import annotations

import pytest

from tests.account.conftest import PlainHasher, Sockets
from walkwire.account.accounts import open_accounts
from walkwire.account.password import Passwords
from walkwire.errors import Busy
from walkwire.store import Asking, Store

SECRET = b"s" * 32


class Mailing:
    """A program's class of users that can send codes."""

    @staticmethod
    def send_reset_code(code: str, email: str) -> None:
        pass


async def test_the_parts_know_the_same_users_and_tokens(
    store: Store, asking: Asking, sockets: Sockets
) -> None:
    async with open_accounts(store, asking, sockets, SECRET, passwords=Passwords(PlainHasher())) as accounts:
        user = await accounts.users.register("ada@example.com", "old")
        session = await accounts.users.login("ada@example.com", "old")
        assert session is not None
        caller = await accounts.auth.identify(session.token)
        assert caller is not None
        assert caller.root_id == user.root_id
        key = await accounts.webhooks.make(caller, "shop", [], [], 60)
        assert key is not None
        assert await accounts.webhooks.identify(accounts.webhooks.text_of(key)) == key
        assert await accounts.users.change_password(user.id, "old", "new")
        assert not await accounts.revocation.is_current(user.root_id, user.token_generation)
        assert await accounts.services.identify("wk_unknown") is None


@pytest.mark.parametrize(("user", "has_resets"), [(None, False), (object, False), (Mailing, True)])
async def test_lost_passwords_are_replaced_only_if_the_program_can_send_codes(
    store: Store, asking: Asking, sockets: Sockets, user: type | None, has_resets: bool
) -> None:
    async with open_accounts(store, asking, sockets, SECRET, user=user) as accounts:
        assert (accounts.resets is not None) is has_resets


async def test_what_comes_after_the_end_is_not_hashed(store: Store, asking: Asking, sockets: Sockets) -> None:
    passwords = Passwords()
    async with open_accounts(store, asking, sockets, SECRET, passwords=passwords):
        pass
    with pytest.raises(Busy):
        await passwords.hash("late")
