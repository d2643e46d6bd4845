"""Permission: a new node's grants, before a walk has used it."""

from __future__ import annotations

import pytest

from walkwire import Node
from walkwire.errors import BadReference
from walkwire.ids import PUBLIC_ROOT
from walkwire.walk.access import Level


class Page(Node):
    pass


def test_a_new_node_grants_nothing() -> None:
    access = Page().__jac__.access
    assert access.all is Level.NO_ACCESS
    assert dict(access.roots.anchors) == {}


def test_everybody_is_given_a_level() -> None:
    page = Page()
    page.__jac__.access.all = "read"
    assert page.__jac__.access.all is Level.READ


def test_another_nodes_grants_replace_all() -> None:
    page, other = Page(), Page()
    other.__jac__.access = {"all": "READ", "roots": {"anchors": {f"n::{PUBLIC_ROOT}": "WRITE"}}}
    page.__jac__.access = other.__jac__.access
    assert page.__jac__.access.all is Level.READ
    assert dict(page.__jac__.access.roots.anchors) == {f"n::{PUBLIC_ROOT}": Level.WRITE}


def test_wrong_grants_change_nothing() -> None:
    page = Page()
    with pytest.raises(ValueError, match="Not a level"):
        page.__jac__.access = {"all": "OWN"}
    with pytest.raises(BadReference):
        page.__jac__.access = {"roots": {"anchors": {"nobody": "READ"}}}
    assert page.__jac__.access.all is Level.NO_ACCESS
