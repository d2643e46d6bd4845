"""Keys: how long they live, and that the database does not give them away."""

from __future__ import annotations

from pathlib import Path

from walkwire.account.webhook import Webhooks
from walkwire.ids import new_id
from walkwire.store import Asking, UserRecord
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
    key = await webhooks.make(user.root_id, "shop", [], [], 60)
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


def _content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
