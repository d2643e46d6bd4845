"""A selection is read by a statement for its shape, and gives it its parameters."""

from __future__ import annotations

import pytest

from walkwire.store import Selection
from walkwire.stores.sql.selections import SelectionShape, parameters, shape_of

ALL = Selection("n", "out")


@pytest.mark.parametrize(
    ("selection", "shape"),
    [
        (ALL, SelectionShape("out", False, False, False, "all")),
        (
            ALL._replace(direction="both", edge_kinds=frozenset()),
            SelectionShape("both", True, False, False, "all"),
        ),
        (
            ALL._replace(node_kinds=frozenset("A"), limit=3),
            SelectionShape("out", False, True, False, "first"),
        ),
        (ALL._replace(far=frozenset("f"), limit=-3), SelectionShape("out", False, False, True, "last")),
        (ALL._replace(limit=0), SelectionShape("out", False, False, False, "first")),
    ],
)
def test_its_shape_is_what_it_restricts(selection: Selection, shape: SelectionShape) -> None:
    assert shape_of(selection) == shape


def test_its_parameters_are_only_those_that_its_statement_has() -> None:
    assert parameters(ALL) == {"node": "n"}
    given = parameters(Selection("n", "into", frozenset("ba"), frozenset("d"), frozenset("f"), -5))
    assert given == {"node": "n", "edge_kinds": ["a", "b"], "node_kinds": ["d"], "far": ["f"], "limit": 5}


def test_the_end_of_many_is_not_cut_from_all() -> None:
    assert not shape_of(ALL).is_end_of_many
    assert shape_of(ALL._replace(limit=-1)).is_end_of_many
    assert not shape_of(ALL._replace(limit=-1, far=frozenset("f"))).is_end_of_many
