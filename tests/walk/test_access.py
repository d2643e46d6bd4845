"""Who may read, connect and write."""

from __future__ import annotations

from typing import Any

import pytest

import walkwire
from walkwire import (
    Edge,
    Node,
    Root,
    Walker,
    allow_root,
    delete,
    disallow_root,
    jid,
    jobj,
    on_entry,
    perm_grant,
    perm_revoke,
    root,
)
from walkwire.dialect import names
from walkwire.errors import NoAccess
from walkwire.ids import PUBLIC_ROOT


class Note(Node):
    text: str = ""
    tags: list[str] = []


class Link(Edge):
    weight: int = 0


class write_note(Walker):
    @on_entry
    def make(self, here: Root) -> None:
        self.report(jid(here.connect(Note("mine"), Link())))


class read_note(Walker):
    @on_entry
    def read(self, here: Note) -> None:
        self.report(here.text)


class change_note(Walker):
    @on_entry
    def change(self, here: Note) -> None:
        here.text = "changed"
        self.report("not reached without the right to")


class tag_note(Walker):
    @on_entry
    def change(self, here: Note) -> None:
        here.tags.append("x")


class delete_note(Walker):
    @on_entry
    def remove(self, here: Note) -> None:
        delete(here)


class join_note(Walker):
    @on_entry
    def join(self, here: Note) -> None:
        root().connect(here)


class weigh(Walker):
    @on_entry
    def edges(self, here: Note) -> None:
        for link in here.edges(Link, direction="into"):
            link.weight += 1


class grant(Walker):
    target: str
    level: Any = "READ"
    to: str = ""

    @on_entry
    def give(self, here: Root) -> None:
        target = here if self.target == "root" else jobj(self.target)
        if self.to:
            allow_root(target, self.to, self.level)
        else:
            perm_grant(target, self.level)


class revoke(Walker):
    target: str
    to: str = ""

    @on_entry
    def take(self, here: Root) -> None:
        target = jobj(self.target)
        if self.to:
            disallow_root(target, self.to)
        else:
            perm_revoke(target)


@pytest.fixture
async def note(world: Any) -> dict[str, str]:
    mine, other = world.user(), world.user()
    (reference,) = await world.reports(write_note, root=mine)
    return {"id": reference, "mine": mine, "other": other}


async def refused(world: Any, walker: type, node: str, root: str) -> bool:
    try:
        await world.reports(walker, node, root=root)
    except NoAccess:
        return True
    return False


ALL = (read_note, join_note, weigh, change_note, tag_note, delete_note)


@pytest.mark.parametrize("walker", ALL, ids=lambda walker: walker.__name__)
async def test_what_is_not_one_s_own_is_refused_on_every_touch(world: Any, note: Any, walker: type) -> None:
    assert await refused(world, walker, note["id"], note["other"])
    assert await refused(world, walker, note["id"], PUBLIC_ROOT)
    assert not await refused(world, walker, note["id"], note["mine"])


@pytest.mark.parametrize(
    ("level", "allowed"), [("READ", 1), ("connect", 2), (1, 2), ("Write", 5), (2, 5), (-1, 0)]
)
async def test_each_level_allows_what_it_says(world: Any, note: Any, level: Any, allowed: int) -> None:
    await world.reports(grant, root=note["mine"], target=note["id"], level=level)

    for number, walker in enumerate((read_note, join_note, change_note, tag_note, delete_note)):
        assert await refused(world, walker, note["id"], note["other"]) == (number >= allowed)


async def test_an_edge_s_fields_are_changed_with_write_on_the_node_that_it_leaves(
    world: Any, note: Any
) -> None:
    await world.reports(grant, root=note["mine"], target=note["id"], level="WRITE")
    await world.reports(grant, root=note["mine"], target="root", level="CONNECT")
    assert await refused(world, weigh, note["id"], note["other"])

    await world.reports(grant, root=note["mine"], target="root", level="WRITE")
    assert not await refused(world, weigh, note["id"], note["other"])


async def test_a_grant_on_the_owner_s_root_is_one_on_all_that_is_theirs(world: Any, note: Any) -> None:
    await world.reports(grant, root=note["mine"], target="root", level="READ")

    assert not await refused(world, read_note, note["id"], note["other"])
    assert await refused(world, change_note, note["id"], note["other"])


async def test_a_grant_to_one_user_replaces_what_everybody_has(world: Any, note: Any) -> None:
    third = world.user()
    await world.reports(grant, root=note["mine"], target=note["id"], level="WRITE")
    await world.reports(grant, root=note["mine"], target=note["id"], level="NO_ACCESS", to=note["other"])

    assert await refused(world, read_note, note["id"], note["other"])
    assert not await refused(world, change_note, note["id"], third)

    await world.reports(revoke, root=note["mine"], target=note["id"], to=note["other"])
    assert not await refused(world, change_note, note["id"], note["other"])
    await world.reports(revoke, root=note["mine"], target=note["id"])
    assert await refused(world, read_note, note["id"], third)


async def test_only_the_owner_grants(world: Any, note: Any) -> None:
    await world.reports(grant, root=note["mine"], target=note["id"], level="CONNECT")

    with pytest.raises(NoAccess):
        await world.reports(grant, root=note["other"], target=note["id"], level="WRITE")


async def test_traversal_and_references_leave_out_what_may_not_be_read(world: Any, note: Any) -> None:
    class peep(Walker):
        note: str
        whose: str

        @on_entry
        def look(self, here: Root) -> None:
            self.report(jobj(self.note))
            self.report([type(found).__name__ for found in here.out()])
            try:
                jobj(self.whose).out()
            except NoAccess:
                self.report("no access")

    await world.reports(grant, root=note["mine"], target=note["id"], level="CONNECT")
    await world.reports(join_note, note["id"], root=note["other"])
    arguments = {"note": note["id"], "whose": "n::" + note["mine"]}
    seen = await world.reports(peep, root=note["other"], **arguments)
    assert [seen[0]["context"]["text"], *seen[1:]] == ["mine", ["Note"], "no access"]

    await world.reports(revoke, root=note["mine"], target=note["id"])
    assert await world.reports(peep, root=note["other"], **arguments) == [None, [], "no access"]


async def test_the_public_graph_is_everybody_s(world: Any) -> None:
    (reference,) = await world.reports(write_note)

    for walker in ALL:
        assert not await refused(world, walker, reference, world.user())


async def test_a_handle_of_a_root_that_is_none_raises_when_it_is_touched(world: Any) -> None:
    class touch(Walker):
        @on_entry
        def it(self, here: Root) -> None:
            handle = jobj("n::" + "a" * 24)
            self.report(jid(handle))
            handle.out()

    with pytest.raises(NoAccess, match="n::aaaaaaaa"):
        await world.reports(touch)


async def test_a_node_s_own_rule_decides_first(world: Any) -> None:
    class Guest(Node):
        open: bool = False

        def __jac_access__(self) -> str | None:
            return "READ" if self.open else None

    class make(Walker):
        @on_entry
        def two(self, here: Root) -> None:
            self.report([jid(here.connect(Guest(True))), jid(here.connect(Guest(False)))])

    class enter(Walker):
        @on_entry
        def at(self, here: Guest) -> None:
            self.report("in")

    mine, other = world.user(), world.user()
    ((opened, closed),) = await world.reports(make, root=mine)

    assert await world.reports(enter, opened, root=other) == ["in"]
    with pytest.raises(NoAccess):
        await world.reports(enter, closed, root=other)


@pytest.mark.parametrize("name", ["allow_root", "disallow_root", "create_task"])
def test_a_verb_of_jac_is_a_public_name_of_python(name: str) -> None:
    assert name in walkwire.__all__
    assert getattr(walkwire, name) is getattr(names, name)
