"""Patterns of channel ids: the first that matches counts."""

from __future__ import annotations

from walkwire.wire.delivery.patterns import Patterns


def test_the_first_pattern_that_matches_counts() -> None:
    patterns = Patterns({"room:1": "one", "room:*": "room", "[ab]": "letter"}, "else")
    found = [patterns.find(name) for name in ("room:1", "room:2", "a", "c", "ROOM:1")]
    assert found == ["one", "room", "letter", "else", "else"]
    assert patterns.values() == ("one", "room", "letter")


def test_without_patterns_there_is_only_the_default() -> None:
    patterns = Patterns({}, 0)
    assert not patterns
    assert patterns.find("room") == 0
