"""Commits that are made together: each walk gets the outcome of its own, and all get that of the transaction."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from walkwire import Node, Root, Walker, after_commit, commit, on_entry, socket
from walkwire.errors import Busy, CommitInDoubt
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Store, UnitOfWork
from walkwire.stores.sqlite.file import Unavailable
from walkwire.walk.audience import Addressees
from walkwire.walk.registry import Registry
from walkwire.walk.run import threads
from walkwire.walk.run.request import Entry, WalkRequest
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.threads import Mailbox

GATE = threading.Event()
RUNS: list[str] = []
CALLED: list[str] = []


class Note(Node):
    text: str


class Tally(Node):
    count: int = 0


class hold_thread(Walker):
    @on_entry
    def wait(self, here: Root) -> None:
        assert GATE.wait(30)


class write(Walker):
    text: str

    @on_entry
    def write(self, here: Root) -> None:
        RUNS.append(self.text)
        here.connect(Note(self.text))
        socket.notify_channels(["notes"], self.text)
        self.report(self.text)


class start_tally(Walker):
    @on_entry
    def start(self, here: Root) -> None:
        self.report(here.connect(Tally()))


class count_one(Walker):
    text: str

    @on_entry
    def count(self, here: Tally) -> None:
        RUNS.append(self.text)
        here.count += 1
        socket.notify_channels(["notes"], [self.text, here.count])
        self.report(here.count)


class write_then_call(Walker):
    text: str

    @on_entry
    def write(self, here: Root) -> None:
        here.connect(Note(self.text))
        after_commit(lambda: CALLED.append(self.text))


class write_in_two_units(Walker):
    text: str

    @on_entry
    def write(self, here: Root) -> None:
        here.connect(Note(f"{self.text} one"))
        commit()
        here.connect(Note(f"{self.text} two"))


class notes(Walker):
    @on_entry
    def read(self, here: Root) -> None:
        self.report([note.text for note in here.out(Note)])


class Together:
    """A store that records how many commits it is given at once. `fail` is called in place of the next transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sizes: list[int] = []
        self.fail: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit_all(self, commits: Sequence[UnitOfWork]) -> list[BaseException | None]:
        self.sizes.append(len(commits))
        if self.fail is not None:
            self.fail()
        assert self._store.commit_all is not None
        return self._store.commit_all(commits)


class Site:
    """A runtime with one thread, so that walks which are requested while it is busy are committed together."""

    def __init__(self, store: Store) -> None:
        self.store = Together(store)
        self.heard: list[
            Any
        ] = []  # notifications and answers, in the order in which the event loop gets them
        registry = Registry()
        registry.add_all(vars(sys.modules[__name__]).values())
        self._mailbox = Mailbox(asyncio.get_running_loop())
        self.runtime = Runtime(
            self.store,  # type: ignore[arg-type]  # it has all methods of a store
            registry,
            self._mailbox,
            notify=self._notify,
            limits=RuntimeLimits(threads=1, seconds=30),
        )

    async def ask(self, walker: type, node: str | None = None, **fields: Any) -> Any:
        request = WalkRequest(walker, lambda: dict(fields), PUBLIC_ROOT, Entry(node))
        reports = json.loads((await self.runtime.run(request)).body).get("reports")
        self.heard.append(("answer", fields.get("text")))
        return reports

    async def ask_at_once(self, *walks: tuple[type, str | None, str]) -> list[Any]:
        """Request walks while the only thread is busy. Returns their reports, or errors."""
        GATE.clear()
        holding = asyncio.ensure_future(self.ask(hold_thread))
        asked = [asyncio.ensure_future(self.ask(walker, node, text=text)) for walker, node, text in walks]
        for _ in range(3):
            await asyncio.sleep(0)  # until the jobs are handed over
        GATE.set()
        await holding
        return await asyncio.gather(*asked, return_exceptions=True)

    def _notify(self, addressees: Addressees, data: bytes) -> None:
        self._mailbox.post(self.heard.append, ("notification", json.loads(data)))


@pytest.fixture
async def site(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(threads, "SHORT_SECONDS", 60.0)  # however slow the machine is
    RUNS.clear()
    CALLED.clear()
    made = Site(store)
    yield made
    assert await made.runtime.stop(10)


async def test_walks_that_waited_are_committed_together_and_told_in_the_order_of_their_commits(
    site: Site,
) -> None:
    texts = [f"note {number}" for number in range(5)]
    answers = await site.ask_at_once(*((write, None, text) for text in texts))

    assert answers == [[text] for text in texts]
    assert site.store.sizes == [5]
    told = [text for kind, text in site.heard if kind == "notification"]
    assert told == texts
    for text in texts:
        assert site.heard.index(("notification", text)) < site.heard.index(("answer", text))
    assert await site.ask(notes) == [texts]


async def test_nothing_is_told_before_the_transaction_is_over(site: Site) -> None:
    before: list[Any] = []
    site.store.fail = lambda: before.extend(site.heard)
    await site.ask_at_once((write, None, "a"), (write, None, "b"))
    assert before == [("answer", None)] or before == []  # of the walk that held the thread
    assert ("notification", "b") in site.heard


async def test_a_walk_that_loses_in_a_batch_is_retried_alone_and_the_others_are_not(site: Site) -> None:
    ((tally,),) = [await site.ask(start_tally)]
    site.store.sizes.clear()

    answers = await site.ask_at_once(
        (count_one, tally["id"], "first"),
        (write, None, "a"),
        (count_one, tally["id"], "second"),
        (write, None, "b"),
    )

    assert answers == [[1], ["a"], [2], ["b"]]
    assert site.store.sizes[0] == 4
    assert RUNS == ["first", "a", "second", "b", "second"]
    assert [what for kind, what in site.heard if kind == "notification"] == [
        ["first", 1],
        "a",
        "b",
        ["second", 2],
    ]
    assert await site.ask(notes) == [["a", "b"]]


@pytest.mark.parametrize("error", [Unavailable, CommitInDoubt, Busy])
async def test_if_the_transaction_fails_every_walk_of_it_is_told_so_and_no_one_else(
    site: Site, error: type[Exception]
) -> None:
    def fail() -> None:
        raise error

    site.store.fail = fail
    answers = await site.ask_at_once(*((write, None, text) for text in "abc"))

    assert [type(answer) for answer in answers] == [error] * 3
    assert not [what for kind, what in site.heard if kind == "notification"]
    site.store.fail = None
    assert await site.ask(write, text="d") == ["d"]
    assert await site.ask(notes) == [["d"]]


async def test_a_walk_alone_does_not_wait_for_others(site: Site) -> None:
    for text in "abc":
        await site.ask(write, text=text)
    assert site.store.sizes == [1, 1, 1]


async def test_what_a_program_calls_after_its_commit_delays_no_other_walk(site: Site) -> None:
    await site.ask_at_once((write, None, "a"), (write_then_call, None, "b"), (write, None, "c"))
    assert site.store.sizes == [2]  # b is committed by itself
    assert CALLED == ["b"]
    assert sorted((await site.ask(notes))[0]) == ["a", "b", "c"]


async def test_a_commit_in_the_middle_of_a_walk_is_made_at_once_and_the_rest_with_others(site: Site) -> None:
    await site.ask_at_once((write, None, "a"), (write_in_two_units, None, "b"), (write, None, "c"))
    assert site.store.sizes == [3]
    assert await site.ask(notes) == [["b one", "a", "b two", "c"]]
