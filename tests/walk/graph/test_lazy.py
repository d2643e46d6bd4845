"""Lazy attributes are made once, at their first use."""

from __future__ import annotations

from walkwire.walk.graph.lazy import Lazy


class Owner:
    def __init__(self) -> None:
        self.made = 0

    def _count(self) -> int:
        self.made += 1
        return self.made

    part: Lazy[Owner, int] = Lazy(_count)


def test_it_is_made_at_its_first_use_and_again_when_it_was_let_go() -> None:
    owner, other = Owner(), Owner()
    assert owner.made == 0
    assert (owner.part, owner.part, owner.made) == (1, 1, 1)
    assert other.made == 0
    del owner.part
    assert (owner.part, owner.made) == (2, 2)
