"""Anchors: what walkwire keeps of an instance, and the names by which programs read it."""

from __future__ import annotations

import pytest

from walkwire import Edge, Node, Walker
from walkwire.walk.archetype import AnchorState
from walkwire.walk.archetypes.anchor import Anchor, AnchorOfEdge, AnchorOfObject
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.walker.walker import AnchorOfWalker


class Stop(Node):
    name: str = ""


class Way(Edge):
    source: int = 4


class Ticket(Obj):
    price: int = 0


class ride(Walker):
    pass


@pytest.mark.parametrize(
    ("made", "kind", "letter"),
    [
        (Stop(), Anchor, "n"),
        (Way(), AnchorOfEdge, "e"),
        (Ticket(), AnchorOfObject, "o"),
        (ride(), AnchorOfWalker, "w"),
    ],
)
def test_each_family_has_its_anchor(made: Node | Edge | Obj | Walker, kind: type, letter: str) -> None:
    assert type(made.__jac__) is kind
    assert made.__jac__.ref_id == f"{letter}:{type(made).__name__}:{made.__jac__.id}"


def test_a_new_anchor_belongs_to_nobody_and_is_not_stored() -> None:
    anchor = Stop().__jac__
    assert (anchor.owner, anchor.root, anchor.version, anchor.archetype) == ("", "", 0, None)
    assert not anchor.persistent


def test_an_edge_that_joins_nothing_has_no_ends() -> None:
    way = Way()
    assert (way.__jac__.source, way.__jac__.target) == ("", "")
    assert way.source == 4  # the program's own field


def test_an_edge_has_no_grants() -> None:
    with pytest.raises(AttributeError, match="its two nodes decide"):
        _ = Way().__jac__.access


def test_anchors_have_no_dictionary() -> None:
    for kind in (AnchorState, Anchor, AnchorOfEdge, AnchorOfObject, AnchorOfWalker):
        assert "__slots__" in vars(kind)
    assert not hasattr(Stop().__jac__, "__dict__")
