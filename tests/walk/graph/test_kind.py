"""Kind: the names under which records are stored, and the classes that these names stand for."""

from __future__ import annotations

import pytest

from walkwire import Node, Walker
from walkwire.walk.archetypes.obj import Obj
from walkwire.walk.graph.kind import kept_as, kept_kind


class Shelf(Node):
    pass


class Book(Obj):
    pass


class lend(Walker):
    pass


@pytest.mark.parametrize(
    ("made", "kind", "family", "base"),
    [
        (Shelf(), "Shelf", "node", Node),
        (Book(), "o:Book", "obj", Obj),
        (lend(), "w:lend", "walker", Walker),
    ],
)
def test_a_kind_names_family_and_class(made: Node | Obj | Walker, kind: str, family: str, base: type) -> None:
    assert kept_kind(made) == kind
    assert kept_as(kind) == (family, base, type(made).__name__)
