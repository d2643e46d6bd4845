"""A run: a unit of work with its notifications and its answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.walk.run.counting import CountedNode, Profile, add_one, make_counter
from walkwire import (
    PublicError,
    Root,
    Walker,
    after_commit,
    commit,
    get_context,
    on_entry,
    socket,
)
from walkwire.errors import BadReference, NoAccess


async def test_a_walk_that_raises_leaves_the_graph_untouched_and_tells_nobody(world: Any) -> None:
    class fail(Walker):
        @on_entry
        def after_writing(self, here: Root) -> None:
            here.connect(Profile("never"))
            socket.notify_channels(["x"], "never")
            raise ValueError("no")

    class count(Walker):
        @on_entry
        def profiles(self, here: Root) -> None:
            self.report(len(here.out()))

    with pytest.raises(ValueError, match="no"):
        await world.reports(fail)

    assert await world.reports(count) == [0]
    assert world.told == []


async def test_notifications_wait_for_the_commit_but_those_of_a_reader_go_at_once(world: Any) -> None:
    order: list[str] = []

    class write(Walker):
        @on_entry
        def then_tell(self, here: Root) -> None:
            socket.notify_channels(["x"], "before writing")
            here.connect(Profile())
            socket.notify_channels(["x"], "held")
            socket.notify_channels(["x"], "now", now=True)
            socket.notify_self("self")
            commit()
            socket.notify_channels(["x"], "after")

    await world.answer(write, client="me")

    assert [data for _, data in world.told] == ["before writing", "now", "self", "held", "after"]
    assert order == []


async def test_after_commit_is_called_once_and_only_if_it_was_committed(world: Any) -> None:
    calls: list[str] = []

    class mail(Walker):
        fail: bool

        @on_entry
        def send(self, here: Root) -> None:
            here.connect(Profile())
            after_commit(lambda: calls.append("sent"))
            if self.fail:
                raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the program's own
        await world.reports(mail, fail=True)
    assert calls == []
    await world.reports(mail, fail=False)
    assert calls == ["sent"]


async def test_where_to_enter_is_checked(world: Any) -> None:
    with pytest.raises(BadReference):
        await world.reports(add_one, "n:CountedNode:zz")
    with pytest.raises(NoAccess, match="n:CountedNode:aaaaaaaaaaaaaaaaaaaaaaaa"):
        await world.reports(add_one, "n:CountedNode:" + "a" * 24)


async def test_a_program_s_own_error_and_status_reach_the_one_who_asked(world: Any) -> None:
    class sell(Walker):
        @on_entry
        def ticket(self, here: Root) -> None:
            raise PublicError("sold_out", "No tickets left", status=410)

    class made(Walker):
        @on_entry
        def thing(self, here: Root) -> None:
            get_context().status = 201
            self.report("thing")

    class bare(Walker):
        @on_entry
        def body(self, here: Root) -> None:
            self.report({"just": "this"}, custom=True)

    with pytest.raises(PublicError, match="No tickets left"):
        await world.reports(sell)
    answer = await world.answer(made)
    assert (answer.status, answer.body) == (201, b'{"status":201,"reports":["thing"]}')
    assert (await world.answer(bare)).body == b'{"just":"this"}'


async def test_a_field_that_holds_a_node_is_given_by_reference(world: Any) -> None:
    class read(Walker):
        counter: CountedNode
        others: list[CountedNode] = []

        @on_entry
        def both(self, here: Root) -> None:
            self.report(
                [self.counter.n, [other.n for other in self.others], self.counter is here.out(CountedNode)[0]]
            )

    (counter,) = await world.reports(make_counter)

    assert await world.reports(read, counter=counter["id"], others=[counter["id"]]) == [[0, [0], True]]
    with pytest.raises(NoAccess):
        await world.reports(read, counter="n:CountedNode:" + "a" * 24)
