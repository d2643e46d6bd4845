"""Sockets whose tokens ended on another server, which could not tell."""

from __future__ import annotations

import asyncio

from walkwire.account.auth import Caller
from walkwire.brokers.memory import MemoryBroker
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.server.revocations import Revocations
from walkwire.store import Store, UserRecord
from walkwire.wire.client import GONE, Client
from walkwire.wire.hub import Hub


class Presence:
    """A server's sockets, and the users they came in as."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.hub = Hub(MemoryBroker())
        self.revocations = Revocations(store, self.hub, seconds=3600)

    def user(self) -> UserRecord:
        user = UserRecord(new_id(), f"{new_id()}@example.com", "hash", new_id())
        self.store.add_user(user)
        return user

    def enter(self, user: UserRecord, tokens: int = 0) -> Client:
        self.revocations.note(Caller(user.root_id, user.id, tokens))
        client = Client(self.hub.ids.new(), user.root_id, self.hub.ids.new(), True, GONE)
        self.hub.enter(client)
        return client


async def test_who_came_in_by_a_token_that_ended_elsewhere_is_public_after_the_broker_is_back(
    store: Store,
) -> None:
    here = Presence(store)
    ann, bob = here.user(), here.user()
    anns, bobs = here.enter(ann), here.enter(bob)
    store.change_password(ann.id, "hash", "another")  # by another server
    here.revocations.start()
    try:
        here.hub.on_return = here.revocations.wake
        here.hub.on_return()
        async with asyncio.timeout(5):
            while anns.root_id == ann.root_id:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)
    finally:
        await here.revocations.stop()
    assert (anns.root_id, bobs.root_id) == (PUBLIC_ROOT, bob.root_id)


async def test_one_who_comes_by_a_new_token_shows_that_the_old_ones_have_ended(store: Store) -> None:
    here = Presence(store)
    ann = here.user()
    old = here.enter(ann)
    store.change_password(ann.id, "hash", "another")
    new = here.enter(ann, tokens=1)
    assert (old.root_id, new.root_id) == (PUBLIC_ROOT, ann.root_id)
    await here.revocations.check()
    assert new.root_id == ann.root_id


async def test_those_who_have_gone_are_not_asked_about(store: Store) -> None:
    here = Presence(store)
    asked: list[str] = []

    class Asked:
        def tokens_of(self, root_ids: list[str]) -> dict[str, int]:
            asked.extend(root_ids)
            return store.tokens_of(root_ids)

    revocations = here.revocations = Revocations(Asked(), here.hub)  # type: ignore[arg-type]
    gone, stays = here.user(), here.user()
    here.hub.exit(here.enter(gone))
    here.enter(stays)
    await revocations.check()
    assert asked == [stays.root_id]
