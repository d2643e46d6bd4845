"""The graph's rights against a model of ten lines: random graphs, grants and rules, and walks of several users by every route.

`RIGHTS_EXAMPLES=5000` tries so many stories, new ones with each run. Without it the same few are tried, more by `make long`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from walkwire import (
    Edge,
    Node,
    Root,
    Walker,
    allow_root,
    delete,
    disallow_root,
    jobj,
    on_entry,
    perm_grant,
    perm_revoke,
    root,
)
from walkwire.dialect.anchors import BaseAnchor, EdgeAnchor, NodeAnchor
from walkwire.dialect.printgraph import printgraph
from walkwire.dialect.traverse import traverse
from walkwire.errors import NoAccess
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Store, UserRecord
from walkwire.stores import open_store
from walkwire.walk.current import current
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.walker.report import encode

_EXAMPLES = int(os.environ.get("RIGHTS_EXAMPLES", "0"))
_LEVELS = (-1, 0, 1, 2)
_READ, _CONNECT, _WRITE = 0, 1, 2
# NoAccess, or what a program does with the None of `jobj`. A root cannot be deleted.
REFUSALS = (NoAccess, AttributeError, TypeError, ValueError)


class Leaf(Node):
    """`text` is found nowhere else."""

    text: str
    rule: int | None = None
    friend: Any = None
    friends: list[Any] = []

    def __jac_access__(self) -> int | None:
        return self.rule


class Twig(Edge):
    weight: int = 0


class peek(Walker):
    @on_entry
    def look(self, here: Leaf | Root) -> None:
        self.report(here)


# The model


@dataclass
class Thing:
    """A node, or (`owner` is itself) a root. The number of a thing is its place in `Story.things`."""

    owner: int
    id: str = ""
    everybody: int = -1
    roots: dict[int, int] = field(default_factory=dict)
    rule: int | None = None
    friend: int | None = None
    is_there: bool = True


@dataclass
class Story:
    """The users are the first things, the public one the first of them. A twig is (from, to, id)."""

    things: list[Thing]
    twigs: list[tuple[int, int, str]] = field(default_factory=list)

    def level(self, caller: int, number: int) -> int:
        """The right of a caller on a thing."""
        thing = self.things[number]
        if caller == thing.owner:
            return _WRITE
        if thing.rule is not None:
            return thing.rule
        if thing.owner == 0:
            return _WRITE
        theirs = self.things[thing.owner]
        everybody = max(thing.everybody, theirs.everybody)
        return thing.roots.get(caller, theirs.roots.get(caller, everybody))

    def may(self, caller: int, number: int, level: int) -> bool:
        """Whether a thing is there for a caller, at this level."""
        return self.things[number].is_there and self.level(caller, number) >= level

    def around(self, caller: int, number: int) -> list[int]:
        """The nodes that a caller sees around one, in both directions."""
        ends = [(a, b) for a, b, _ in self.twigs if number in (a, b)]
        return sorted(far for a, b in ends if self.may(caller, far := b if a == number else a, _READ))


# What users do: each in a walk of its own


class Actor:
    """Does to the graph what the model is told."""

    def __init__(self, store: Store, users: int) -> None:
        self._store = store
        self._registry = Registry()
        self._registry.add_all([Leaf, Twig, peek, traverse])
        self.story = Story([Thing(0, PUBLIC_ROOT)])
        for number in range(1, users):
            user = UserRecord(new_id(), f"{new_id()}@example.com", "", new_id())
            store.add_user(user)
            self.story.things.append(Thing(number, user.root_id))
        self.users = users

    @contextmanager
    def walk(self, caller: int) -> Iterator[None]:
        with unit_of_work(self._store, self._registry, self.story.things[caller].id):
            yield

    def reference(self, number: int) -> str:
        return f"n:{'' if number < self.users else 'Leaf'}:{self.story.things[number].id}"

    def tries(self, caller: int, is_allowed: bool, act: Callable[[], Any]) -> Any:
        """Act, in a walk of the caller, and see that it is allowed or refused as the model says."""
        if not is_allowed:
            with pytest.raises(REFUSALS), self.walk(caller):
                act()
            return None
        with self.walk(caller):
            return act()

    def make(self, caller: int, parent: int, rule: int | None) -> None:
        def act() -> tuple[str, str]:
            leaf = jobj(self.reference(parent)).connect(Leaf(f"<{new_id()}>", rule), Twig())
            (twig,) = leaf.edges(Twig, direction="into")
            return leaf.__jac__.id, twig.__jac__.id

        made = (
            self.tries(caller, parent > 0 and self.story.may(caller, parent, _CONNECT), act)
            if parent
            else None
        )
        if made:
            self.story.things.append(Thing(caller, made[0], rule=rule))
            self.story.twigs.append((parent, len(self.story.things) - 1, made[1]))

    def grant(self, caller: int, number: int, to: int, level: int | None) -> None:
        """`to` 0: everybody."""
        if number == 0:
            return
        user, thing = f"n::{self.story.things[to].id}", self.story.things[number]

        def act() -> None:
            node = jobj(self.reference(number))
            if to == 0:
                perm_revoke(node) if level is None else perm_grant(node, level)
            else:
                disallow_root(node, user) if level is None else allow_root(node, user, level)

        is_allowed = self.story.may(caller, number, _WRITE)
        self.tries(caller, is_allowed, act)
        if is_allowed and to == 0:
            thing.everybody = -1 if level is None else level
        elif is_allowed and level is None:
            thing.roots.pop(to, None)
        elif is_allowed and level is not None:
            thing.roots[to] = level

    def join(self, caller: int, near: int, far: int) -> None:
        if 0 in (near, far):
            return
        is_allowed = all(self.story.may(caller, end, _CONNECT) for end in (near, far))

        def act() -> str:
            twig = Twig()
            jobj(self.reference(near)).connect(jobj(self.reference(far)), twig)
            return twig.__jac__.id

        made = self.tries(caller, is_allowed, act)
        if made:
            self.story.twigs.append((near, far, made))

    def cut(self, caller: int, place: int) -> None:
        if not self.story.twigs:
            return
        twig = self.story.twigs[place % len(self.story.twigs)]
        is_allowed = all(self.story.may(caller, end, _CONNECT) for end in twig[:2])
        self.tries(caller, is_allowed, lambda: delete(jobj(f"e:Twig:{twig[2]}")))
        if is_allowed:
            self.story.twigs.remove(twig)

    def weigh(self, caller: int, place: int) -> None:
        if not self.story.twigs:
            return
        near, far, id = self.story.twigs[place % len(self.story.twigs)]
        is_allowed = self.story.may(caller, near, _WRITE) and self.story.may(caller, far, _READ)
        self.tries(caller, is_allowed, lambda: setattr(jobj(f"e:Twig:{id}"), "weight", place))

    def change(self, caller: int, number: int, friend: int, rule: int | None) -> None:
        """Set the rule of a leaf, and its friend, who has to be readable."""
        if number < self.users:
            return
        is_allowed = self.story.may(caller, number, _WRITE) and self.story.may(caller, friend, _READ)

        def act() -> None:
            leaf, other = jobj(self.reference(number)), jobj(self.reference(friend))
            if other is None:
                raise NoAccess("no friend")
            current().graph.enter(other)
            leaf.friends = [other]
            leaf.friends.append(leaf)  # in place: nothing asks for the right before the commit
            leaf.friend = other
            leaf.rule = rule

        self.tries(caller, is_allowed, act)
        if is_allowed:
            self.story.things[number].friend, self.story.things[number].rule = friend, rule

    def touch(self, caller: int, number: int, rule: int) -> None:
        """Change a leaf by its own dictionary: only the commit notices, and it asks by the rule that was stored."""
        if number < self.users:
            return
        is_allowed = self.story.may(caller, number, _WRITE)

        def act() -> None:
            vars(jobj(self.reference(number))).update(rule=rule, text=f"<{new_id()}>")

        self.tries(caller, is_allowed, act)
        if is_allowed:
            self.story.things[number].rule = rule

    def remove(self, caller: int, number: int) -> None:
        if number == 0:
            return
        is_allowed = number >= self.users and self.story.may(caller, number, _WRITE)
        self.tries(caller, is_allowed, lambda: delete(jobj(self.reference(number))))
        if is_allowed:
            self.story.things[number].is_there = False
            self.story.twigs = [twig for twig in self.story.twigs if number not in twig[:2]]

    # What a user sees, in one walk: each thing by some routes, in any order

    def see(self, caller: int, order: list[tuple[int, str]]) -> None:
        with self.walk(caller):
            for number, route in order:
                if 0 < number < len(self.story.things):
                    getattr(self, f"_by_{route}")(caller, number)
            for place, (near, far, id) in enumerate(self.story.twigs):
                may_see = all(self.story.may(caller, end, _READ) for end in (near, far))
                edge = EdgeAnchor.Collection.find_by_id(id) if place % 2 else jobj(f"e:Twig:{id}")
                assert (edge is not None) == may_see
                if edge is not None and not place % 2:
                    assert [edge.source.__jac__.id, edge.target.__jac__.id] == self._ids(near, far)

    def _ids(self, *numbers: int) -> list[str]:
        return [self.story.things[number].id for number in numbers]

    def _node(self, caller: int, number: int) -> Any:
        """The node, if the caller sees it. None: they do not, and the model agrees."""
        found = jobj(self.reference(number))
        if number < self.users:  # a handle, for which nothing was asked
            return found if self.story.may(caller, number, _READ) else None
        assert (found is not None) == self.story.may(caller, number, _READ)
        return found

    def _by_reference(self, caller: int, number: int) -> None:
        node = self._node(caller, number)
        if node is not None:
            is_leaf = number >= self.users
            assert current().graph.level(node) == self.story.level(caller, number)
            assert not is_leaf or node.text
            assert not is_leaf or node.rule == self.story.things[number].rule

    def _by_digits(self, caller: int, number: int) -> None:
        """As a root: the handle of one that is none holds nothing, even if the walk has met the node."""
        handle = jobj(self.story.things[number].id)
        assert type(handle) is Root
        assert not vars(handle)
        if number >= self.users or not self.story.may(caller, number, _READ):
            with pytest.raises(NoAccess):
                handle.out()
            with pytest.raises(NoAccess):
                peek().spawn(handle)

    def _by_handle(self, caller: int, number: int) -> None:
        if number >= self.users:
            found = BaseAnchor.ref(self.reference(number)).archetype
            assert (found is not None) == self.story.may(caller, number, _READ)

    def _by_search(self, caller: int, number: int) -> None:
        found = [one.id for one in NodeAnchor.Collection.find({"root": self._ids(number)[0]})]
        owned = [i for i, one in enumerate(self.story.things) if one.owner == number]
        assert sorted(found) == sorted(self._ids(*(i for i in owned if self.story.may(caller, i, _READ))))

    def _by_edges(self, caller: int, number: int) -> None:
        node = self._node(caller, number)
        if node is None:
            return
        expected = sorted(self._ids(*self.story.around(caller, number)))
        joined = [*node.out(), *node.into()]
        assert sorted(one.__jac__.id for one in joined if one is not node) == [
            id for id in expected if id != node.__jac__.id
        ]
        ends = [end.__jac__.id for edge in node.edges(direction="both") for end in (edge.source, edge.target)]
        assert set(ends) <= {*expected, node.__jac__.id}
        for limited in (
            node.out(limit=1),
            node.into(limit=-1),
            node.both(Leaf, limit=2),
            node.out(Leaf, text="5"),
        ):
            assert {one.__jac__.id for one in limited} <= set(expected)

    def _by_friend(self, caller: int, number: int) -> None:
        node = self._node(caller, number)
        if node is not None and number >= self.users and (friend := self.story.things[number].friend):
            is_known = friend < self.users or self.story.may(caller, friend, _READ)
            assert (node.friend is not None) == (node.friends[0] is not None) == is_known

    def _by_walk(self, caller: int, number: int) -> None:
        node = self._node(caller, number)
        if node is not None:
            walker = peek()
            walker.spawn(node)
            assert walker.reports == [node]
            self._check_text(caller, encode(walker.reports).decode())

    def _by_traverse(self, caller: int, number: int) -> None:
        walker = traverse(source=self.reference(number), detailed=True, depth=3)
        if not self.story.may(caller, number, _READ):
            with pytest.raises(NoAccess):
                walker.spawn(root())
            return
        walker.spawn(root())
        listed = current().answer.custom
        self._check_text(caller, json.dumps(listed))
        seen = set(self._ids(number, *self.story.around(caller, number)))
        assert {row["id"][-24:] for row in listed["nodes"]} >= seen

    def _by_drawing(self, caller: int, number: int) -> None:
        node = self._node(caller, number)
        if node is not None:
            self._check_text(caller, printgraph(node, depth=2, format="json"))

    def _check_text(self, caller: int, text: str) -> None:
        """No text of a leaf that the caller may not read is in what they get, nor its id."""
        for number, thing in enumerate(self.story.things[self.users :], self.users):
            if not self.story.may(caller, number, _READ):
                assert thing.id not in text


ROUTES = sorted(name.removeprefix("_by_") for name in vars(Actor) if name.startswith("_by_"))
USERS = 4
_caller = st.integers(0, USERS - 1)
_number = st.integers(0, 10)
_level = st.sampled_from((None, *_LEVELS))
_step = st.one_of(
    st.tuples(st.just("make"), _caller, _number, _level),
    st.tuples(st.just("make"), _caller, _caller, st.none()),
    st.tuples(st.just("grant"), _caller, _number, _caller, _level),
    st.tuples(st.just("grant"), _caller, _caller, _caller, _level),
    st.tuples(st.just("join"), _caller, _number, _number),
    st.tuples(st.just("cut"), _caller, _number),
    st.tuples(st.just("weigh"), _caller, _number),
    st.tuples(st.just("change"), _caller, _number, _number, _level),
    st.tuples(st.just("touch"), _caller, _number, st.sampled_from(_LEVELS)),
    st.tuples(st.just("remove"), _caller, _number),
    st.tuples(st.just("see"), _caller, st.lists(st.tuples(_number, st.sampled_from(ROUTES)), max_size=12)),
)


def tell(store: Store, steps: list[tuple[Any, ...]]) -> None:
    """Play a story. Numbers beyond the things that there are mean the ones that are there."""
    actor = Actor(store, USERS)
    for user in range(1, USERS):
        actor.make(user, user, None)
    for user, level in zip(range(1, USERS), (_READ, _CONNECT, _WRITE), strict=True):
        actor.grant(user, USERS - 1 + user, user % (USERS - 1) + 1, level)
    for name, caller, *rest in steps:
        count = len(actor.story.things)
        if name in ("make", "grant", "join", "change", "touch", "remove"):
            rest[0] %= count
        if name in ("join", "change"):
            rest[1] %= count
        getattr(actor, name)(caller, *rest)
    for caller in range(USERS):
        actor.see(caller, [(number, route) for route in ROUTES for number in range(len(actor.story.things))])


@pytest.mark.parametrize("examples", [20, pytest.param(200, marks=pytest.mark.long)])
def test_walks_see_and_change_what_the_model_says(examples: int, tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/graph.db")) as store:

        @settings(max_examples=_EXAMPLES or examples, deadline=None, derandomize=not _EXAMPLES, database=None)
        @given(st.lists(_step, min_size=10, max_size=30))
        def play(steps: list[tuple[Any, ...]]) -> None:
            tell(store, [(*step,) for step in steps])

        play()
