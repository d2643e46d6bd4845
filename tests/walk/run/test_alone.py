"""A unit of work without a server: what a program does while it is loaded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from walkwire import Node, Root, Walker, on_entry, root, socket
from walkwire.errors import Conflict
from walkwire.ids import PUBLIC_ROOT
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work


class Piece(Node):
    n: int = 0


class count(Walker):
    @on_entry
    async def things(self, here: Root) -> None:
        await asyncio.sleep(0)
        self.report(len(here.out(Piece)))


def test_what_is_done_in_the_block_is_committed_at_its_end(store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        root().connect(Piece())
        assert count().spawn(root()).reports == [1]
    with unit_of_work(store, Registry(), PUBLIC_ROOT) as walk:
        assert count().spawn(root()).reports == [1]
        assert walk.answer.reports == [1]


def test_a_block_that_raises_leaves_nothing(store: Any) -> None:
    def fail() -> None:
        with unit_of_work(store, Registry(), PUBLIC_ROOT):
            root().connect(Piece())
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        assert root().out() == []


def test_a_block_that_lost_says_so(store: Any) -> None:
    def change() -> None:
        with unit_of_work(store, Registry(), PUBLIC_ROOT):
            root().out(Piece)[0].n += 1

    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        root().connect(Piece())

    def lose() -> None:
        with unit_of_work(store, Registry(), PUBLIC_ROOT):
            root().out(Piece)[0].n += 1
            change()

    with pytest.raises(Conflict):
        lose()


def test_a_node_kept_from_an_earlier_block_is_found_again_by_its_id(store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        kept = root().connect(Piece(1))
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        other = kept.connect(Piece(2))
        assert [thing.n for thing in root().out()[0].out()] == [2]
        assert other.into(Piece)[0] is root().out()[0]


@pytest.mark.parametrize("is_loading", [False, True])
def test_spawn_gives_something_to_await_only_in_a_program_that_is_run(is_loading: bool, store: Any) -> None:
    with unit_of_work(store, Registry(), PUBLIC_ROOT, is_loading=is_loading) as run:
        assert run.host.spawns_awaitable is not is_loading


def test_a_run_alone_sends_its_notifications_at_the_end_of_the_block(store: Any) -> None:
    sent: list[bytes] = []
    with unit_of_work(store, Registry(), PUBLIC_ROOT, lambda _, data: sent.append(data)):
        socket.notify_channels(["x"], 1)
        root().connect(Piece())
        socket.notify_channels(["x"], 2)
        assert sent == [b"1"]
    assert sent == [b"1", b"2"]
