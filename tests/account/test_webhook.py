"""Keys: how long they live, and that the database does not give them away."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.account.auth import Caller
from walkwire.account.webhook import Webhooks
from walkwire.errors import Limited
from walkwire.ids import new_id
from walkwire.store import LATEST, Asking, Store, UserRecord
from walkwire.stores import open_store


class Clock:
    now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_good_until_it_is_over_and_the_file_does_not_hold_it(
    tmp_path: Path, asking: Asking
) -> None:
    store, clock = open_store(f"sqlite:///{tmp_path}/a.db"), Clock()
    user = UserRecord(new_id(), "a@example.com", "hash", new_id())
    store.add_user(user)
    webhooks = Webhooks(store, asking, b"s" * 32, clock)
    key = await webhooks.make(Caller(user.root_id, user.id), "shop", [], [], 60)
    assert key is not None
    text = webhooks.text_of(key)

    assert text.startswith(f"{user.root_id}:1700000000:")
    assert await webhooks.identify(text) == key
    clock.now += 61
    assert await webhooks.identify(text) is None
    assert await webhooks.extend(user.root_id, key.id, 60)
    assert await webhooks.identify(text) is not None

    other = Webhooks(store, asking, b"t" * 32, clock)  # a new signing secret ends all keys
    assert await other.identify(text) is None
    store.close()
    assert text[-32:].encode() not in _content(tmp_path)


@pytest.fixture
def user(store: Store) -> UserRecord:
    made = UserRecord(new_id(), "a@example.com", "hash", new_id())
    store.add_user(made)
    return made


async def test_a_new_password_ends_all_keys_also_one_that_a_revoked_token_asks_for_later(
    store: Store, asking: Asking, user: UserRecord
) -> None:
    webhooks, owner = Webhooks(store, asking, b"s" * 32), Caller(user.root_id, user.id, 0)
    key = await webhooks.make(owner, "shop", [], [], 60)
    assert key is not None
    assert store.change_password(user.id, "hash", "other")
    assert await webhooks.identify(webhooks.text_of(key)) is None
    assert await webhooks.of(user.root_id) == []
    assert await webhooks.make(owner, "late", [], [], 60) is None
    again = await webhooks.make(Caller(user.root_id, user.id, 1), "shop", [], [], 60)
    assert again is not None
    assert not store.change_password(user.id, "wrong", "another")
    assert await webhooks.identify(webhooks.text_of(again)) == again


async def test_a_user_has_so_many_keys_and_no_more(store: Store, asking: Asking, user: UserRecord) -> None:
    webhooks, owner = Webhooks(store, asking, b"s" * 32, bound=2), Caller(user.root_id, user.id)
    first, second = [await webhooks.make(owner, name, [], [], 60) for name in ("a", "b")]
    with pytest.raises(Limited, match="2 webhook keys"):
        await webhooks.make(owner, "c", [], [], 60)
    assert first is not None
    assert second is not None
    assert await webhooks.identify(webhooks.text_of(second)) == second  # made in the same second as the first
    assert await webhooks.delete(user.root_id, [first.id])
    assert await webhooks.make(owner, "c", [], [], 60) is not None


async def test_a_key_lives_until_the_year_9999_at_most(
    store: Store, asking: Asking, user: UserRecord
) -> None:
    webhooks = Webhooks(store, asking, b"s" * 32)
    key = await webhooks.make(Caller(user.root_id, user.id), "shop", [], [], 1e12)
    assert key is not None
    assert await webhooks.extend(user.root_id, key.id, 1e12)
    assert [key.expires for key in await webhooks.of(user.root_id)] == [LATEST]


async def test_a_masked_key_has_the_form_of_a_key_and_four_of_its_letters(
    store: Store, asking: Asking, user: UserRecord
) -> None:
    webhooks = Webhooks(store, asking, b"s" * 32)
    key = await webhooks.make(Caller(user.root_id, user.id), "shop", [], [], 60)
    assert key is not None
    text, masked = webhooks.text_of(key), webhooks.masked(key)
    assert masked == f"{user.root_id}:{key.made}:{'*' * 28}{text[-4:]}"
    assert await webhooks.identify(masked) is None


def _content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
