"""Tables: reads the automaton from grammar.json. Each row is unpacked when it is first needed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).with_name("grammar.json")


class Rule(NamedTuple):
    """How to reduce a rule.

    - makes: the symbol that it is reduced to
    - kind: the kind of tree that it makes
    - how: "tree"; "parts": the parts become parts of the parent; "maybe": a tree, unless it has exactly one part
    - kept: the parts that are kept, as (index, whether that part is a list of parts)
    - passes: the result is the only part, unchanged
    """

    makes: str
    length: int
    kind: str
    how: str
    kept: tuple[tuple[int, bool], ...]
    passes: bool


class Tables:
    """The automaton. A row maps a symbol to the next state (0 and up), or to `~number` of the rule to reduce."""

    def __init__(self, text: str) -> None:
        data = json.loads(text)
        symbols: list[str] = data["symbols"]
        self.words: dict[str, str] = data["words"]
        self.signs: dict[str, str] = data["signs"]
        self.start: int = data["start"]
        self.rules = [_rule(symbols, *entry) for entry in data["rules"]]
        self.rows: list[dict[str, int] | None] = [None] * len(data["states"])
        self._symbols = symbols
        self._states: list[tuple[list[int], list[int]]] = data["states"]
        self._lookaheads: list[list[int]] = data["lookaheads"]

    def row(self, state: int) -> dict[str, int]:
        """Return the actions of a state."""
        row = self.rows[state]
        if row is None:
            row = self.rows[state] = self._unpack(state)
        return row

    def _unpack(self, state: int) -> dict[str, int]:
        symbols = self._symbols
        shifts, reduces = self._states[state]
        row = {symbols[shifts[at]]: shifts[at + 1] for at in range(0, len(shifts), 2)}
        for at in range(0, len(reduces), 2):
            action = ~reduces[at]
            for number in self._lookaheads[reduces[at + 1]]:
                row[symbols[number]] = action
        return row


def _rule(symbols: list[str], makes: int, length: int, kind: str, how: str, kept: list[list[int]]) -> Rule:
    passes = length == 1 and kept == ([[0, 0]] if how == "maybe" else [[0, 1]] if how == "parts" else None)
    return Rule(
        symbols[makes], length, kind, how, tuple((place, bool(parts)) for place, parts in kept), passes
    )


@cache
def tables() -> Tables:
    """Return the tables of the package. They are read once."""
    return Tables(PATH.read_text(encoding="utf-8"))
