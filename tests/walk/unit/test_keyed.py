"""Calls with the same key: who walks, who waits, and what each is answered, with a store in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walkwire.errors import Busy, Conflict, KeyReused, KeySpent, PublicError, TimedOut
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import KeyedCall, KeyHeld, KeyTaken
from walkwire.walk.unit import keyed
from walkwire.walk.unit.keyed import KeyedWalks


class Said(NamedTuple):
    body: str
    response: Any = None


class Database:
    """The records, and the keys that each server has taken."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], KeyedCall] = {}
        self.held: dict[tuple[str, str], MemoryStore] = {}
        self.effects: Counter[str] = Counter()

    def commit(self, call: KeyedCall, body: str | None) -> None:
        place = call.root_id, call.key
        found = self.records.get(place)
        if found is not None and found.call != call.call:
            raise KeyTaken
        self.effects[call.key] += 1
        self.records[place] = call._replace(status=200, body=body)


class MemoryStore:
    """One server's view of it. `has_locks`: whether servers see each other's keys."""

    def __init__(self, database: Database, has_locks: bool = True) -> None:
        self._database = database
        self._has_locks = has_locks
        self.forgotten = [1000, 1000, 7]
        self.trimmed: list[tuple[str, int, int]] = []

    def take_key(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        place = root_id, key
        found = self._database.records.get(place)
        if (found is not None and found.status) or not self._has_locks:
            return found
        if self._database.held.setdefault(place, self) is not self:
            raise KeyHeld
        return found

    def free_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        for place in keys:
            if self._database.held.get(place) is self:
                del self._database.held[place]

    def forget_calls(self, before: float, limit: int) -> int:
        return self.forgotten.pop(0)

    def trim_calls(self, root_id: str, most: int, size: int) -> int:
        self.trimmed.append((root_id, most, size))
        return 0


async def ask(function: Callable[..., Any], *arguments: Any) -> Any:
    await asyncio.sleep(0)
    return function(*arguments)


def again(call: KeyedCall) -> Said:
    if call.body is None:
        raise KeySpent(is_whole=call.status != 0)
    return Said(call.body)


def server(database: Database, has_locks: bool = True) -> KeyedWalks[Said]:
    return KeyedWalks(MemoryStore(database, has_locks), again, ask)


def call_of(key: str = "k", digest: str = "d", call: str = "c") -> KeyedCall:
    return KeyedCall("root", key, call, digest, 0, None, False, 1.0, 2.0)


def in_time() -> None:
    pass


@pytest.fixture
def database() -> Database:
    return Database()


async def test_the_first_walks_and_the_others_wait_for_its_answer(database: Database) -> None:
    walks, gate = server(database), asyncio.Event()

    async def walk() -> Said:
        await gate.wait()
        database.commit(call_of(), "done")
        return Said("done")

    async def never() -> Said:
        raise AssertionError

    first = asyncio.ensure_future(walks.run(call_of(), walk, in_time))
    await asyncio.sleep(0)
    others = [asyncio.ensure_future(walks.run(call_of(), never, in_time)) for _ in range(3)]
    with pytest.raises(KeyReused):
        await walks.run(call_of(digest="another"), never, in_time)
    gate.set()
    assert await asyncio.gather(first, *others) == [Said("done")] * 4
    assert await walks.run(call_of(), never, in_time) == Said("done")
    with pytest.raises(KeyReused):
        await walks.run(call_of(digest="another"), never, in_time)


async def test_after_a_failure_the_next_in_the_queue_walks_itself(database: Database) -> None:
    walks = server(database)
    order: list[int] = []

    def walk(number: int) -> Callable[[], Awaitable[Said]]:
        async def attempt() -> Said:
            order.append(number)
            await asyncio.sleep(0)
            if number < 3:
                raise PublicError("not_yet", "")
            database.commit(call_of(), str(number))
            return Said(str(number))

        return attempt

    calls = [asyncio.ensure_future(walks.run(call_of(), walk(n), in_time)) for n in range(6)]
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert order == [0, 1, 2, 3]
    assert ended[3:] == [Said("3")] * 3
    assert all(isinstance(one, PublicError) for one in ended[:3])


async def test_a_caller_that_goes_leaves_its_turn_to_the_next(database: Database) -> None:
    walks, gate = server(database), asyncio.Event()

    async def walk() -> Said:
        await gate.wait()
        raise PublicError("broken", "")

    async def good() -> Said:
        return Said("good")

    first = asyncio.ensure_future(walks.run(call_of(), walk, in_time))
    await asyncio.sleep(0)
    gone, going, last = (asyncio.ensure_future(walks.run(call_of(), good, in_time)) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    first.add_done_callback(lambda _: going.cancel())  # when it has its turn, and does not know yet
    gate.set()
    assert await last == Said("good")
    ended = await asyncio.gather(first, gone, going, return_exceptions=True)
    assert [type(one) for one in ended] == [PublicError, asyncio.CancelledError, asyncio.CancelledError]


async def test_a_response_that_is_sent_once_only_is_not_given_to_two(database: Database) -> None:
    walks = server(database)

    async def walk() -> Said:
        await asyncio.sleep(0)
        database.commit(call_of(), "kept")
        return Said("", object())

    first, second = await asyncio.gather(*(walks.run(call_of(), walk, in_time) for _ in range(2)))
    assert first.response is not None
    assert second == Said("kept")
    assert database.effects == {"k": 1}


async def test_whoever_was_overtaken_by_another_server_gives_that_answer(database: Database) -> None:
    walks = server(database, has_locks=False)

    async def walk() -> Said:
        database.commit(call_of(call="theirs"), "theirs")
        database.commit(call_of(), "ours")
        return Said("ours")

    assert await walks.run(call_of(), walk, in_time) == Said("theirs")


async def test_a_record_that_vanishes_again_and_again_is_a_conflict(database: Database) -> None:
    async def walk() -> Said:
        raise KeyTaken

    with pytest.raises(Conflict):
        await server(database).run(call_of(), walk, in_time)


async def test_a_call_waits_for_another_server_as_long_as_its_time_lasts(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.held["root", "k"] = MemoryStore(database)
    looks = 0

    def two_looks() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise TimedOut

    async def never() -> Said:
        raise AssertionError

    with pytest.raises(TimedOut):
        await server(database).run(call_of(), never, two_looks)
    monkeypatch.setattr(keyed, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(Busy, match="another server"):
        await server(database).run(call_of(), never, in_time)


async def test_keys_are_free_soon_after_the_walk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "FREE_SECONDS", 0.0)
    walks = server(database)

    async def walk() -> Said:
        raise PublicError("broken", "")

    for key in "ab":
        with pytest.raises(PublicError):
            await walks.run(call_of(key), walk, in_time)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not database.held


async def test_a_key_that_was_taken_for_a_caller_that_has_gone_is_freed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyed, "FREE_SECONDS", 0.0)

    async def never() -> Said:
        raise AssertionError

    going = asyncio.ensure_future(server(database).run(call_of(), never, in_time))
    await asyncio.sleep(0)  # now it asks the store
    going.cancel()
    was_held = False
    for _ in range(1000):
        await asyncio.sleep(0)
        was_held |= bool(database.held)
    assert was_held
    assert not database.held


async def test_expired_records_are_deleted_until_few_are_left(database: Database) -> None:
    store = MemoryStore(database)
    await KeyedWalks(store, again, ask).trim()
    assert store.forgotten == []


STEP = st.tuples(
    st.integers(0, 2),  # the server
    st.sampled_from("abc"),  # the key
    st.sampled_from(["answer", "fail", "doubt", "part"]),
    st.integers(0, 3),  # turns of the event loop before the commit
    st.integers(0, 6),  # turns before the caller goes; 0: it stays
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=24), st.booleans())
def test_whatever_the_order_each_key_has_one_effect_and_one_answer(
    steps: list[tuple[int, str, str, int, int]], has_locks: bool
) -> None:
    async def play() -> None:
        database = Database()
        servers = [server(database, has_locks) for _ in range(3)]
        answers: dict[str, set[str]] = {}

        async def one(number: int, place: int, key: str, how: str, turns: int) -> None:
            call = call_of(key, call=str(number))

            async def walk() -> Said:
                for _ in range(turns):
                    await asyncio.sleep(0)
                if how == "fail":
                    raise PublicError("broken", "")
                database.commit(call, None if how == "part" else str(number))
                if how != "answer":
                    raise PublicError("in_doubt", "")
                return Said(str(number))

            try:
                said = await servers[place].run(call, walk, in_time)
            except (PublicError, asyncio.CancelledError):
                return
            answers.setdefault(key, set()).add(said.body)

        async def leave(task: asyncio.Task[None], turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            if turns:
                task.cancel()

        tasks = [asyncio.ensure_future(one(n, *step[:4])) for n, step in enumerate(steps)]
        leaving = [leave(task, step[4]) for task, step in zip(tasks, steps, strict=True)]
        await asyncio.gather(*leaving)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(count == 1 for count in database.effects.values()), database.effects
        assert all(len(said) == 1 for said in answers.values()), answers

    with pytest.MonkeyPatch.context() as patch:
        for name in ("FREE_SECONDS", "_FIRST_PAUSE", "_LONGEST_PAUSE"):
            patch.setattr(keyed, name, 0.0)
        asyncio.run(play())


async def test_what_is_kept_of_a_user_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "LOOKED", 3)
    database = Database()
    store = MemoryStore(database)
    walks: KeyedWalks[Said] = KeyedWalks(store, again, ask)

    async def call(key: str, root_id: str) -> None:
        made = call_of(key)._replace(root_id=root_id)

        async def walk() -> Said:
            database.commit(made, "done")
            return Said("done")

        await walks.run(made, walk, in_time)

    for number in range(7):
        await call(str(number), "ann")
    await call("0", "ann")  # is not done again
    for number in range(3):
        await call(str(number), PUBLIC_ROOT)
    await asyncio.gather(*walks._background)
    assert store.trimmed == [
        ("ann", keyed.MOST, keyed.MOST_SIZE),
        ("ann", keyed.MOST, keyed.MOST_SIZE),
        (PUBLIC_ROOT, keyed.PUBLIC_MOST, keyed.PUBLIC_MOST_SIZE),
    ]
    walks.stop()
