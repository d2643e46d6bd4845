"""Branches and their parts."""

from __future__ import annotations

from walkwire.jac.syntax.tree import Token, Tree, name_of


def token(kind: str, text: str) -> Token:
    return Token(kind, text, 1, 0, 1, len(text))


def tree(kind: str, *parts: Tree | Token) -> Tree:
    return Tree(kind, list(parts), 1, 0, 1, 1)


INNER = tree("call", token("NAME", "f"))
OUTER = tree("chain", token("NAME", "a"), INNER, tree("call"), token("NAME", "b"))


def test_parts_are_found_by_their_kind() -> None:
    assert OUTER.find("call") is INNER
    assert len(OUTER.find_all("call")) == 2
    found = OUTER.token("NAME")
    assert found is not None
    assert found.text == "a"
    assert OUTER.has("call")


def test_absent_parts_are_none() -> None:
    assert OUTER.find("NAME") is None, "a token is no branch"
    assert OUTER.token("call") is None, "a branch is no token"
    assert not OUTER.has("lambda")
    assert OUTER.find_all("lambda") == []


def test_a_walk_is_in_the_order_of_the_source() -> None:
    assert [part.text if isinstance(part, Token) else part.kind for part in OUTER.walk()] == [
        *("chain", "a", "call", "f", "call", "b")
    ]


def test_an_escaped_name_is_the_name() -> None:
    assert name_of(token("NAME", "<>node")) == "node"
    assert name_of(token("NAME", "node")) == "node"
