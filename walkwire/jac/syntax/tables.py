"""Tables: the automaton of grammar.json as the parser reads it, each row unpacked when it is first needed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

PATH = Path(__file__).with_name("grammar.json")


class Rule(NamedTuple):
    """What to do when a rule is complete.

    `makes` is the symbol it stands for, `kind` the tree it makes. `how` is "tree"; "parts" leaves the parts to the
    parent; "maybe" vanishes when it has one. `kept` is (place, whether what is there is a list of parts) of what stays.
    `passes`: what it makes is just what it consists of.
    """

    makes: str
    length: int
    kind: str
    how: str
    kept: tuple[tuple[int, bool], ...]
    passes: bool


class Tables:
    """The automaton. A row maps a symbol to the next state (0 and up) or to `~number` of the rule that is complete."""

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
        """The actions of a state."""
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
    """The tables that ship with the package, read once."""
    return Tables(PATH.read_text(encoding="utf-8"))
