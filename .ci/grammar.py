"""Compiles Jac's grammar, grammar.lark, to the tables that walkwire ships, with lark. `make grammar` runs it.

The tables contain the LALR(1) automaton, the keywords and signs, and for each rule the parts that it keeps.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from lark.common import ParserConf
from lark.grammar import Rule
from lark.lexer import TerminalDef
from lark.load_grammar import load_grammar
from lark.parsers.lalr_analysis import LALR_Analyzer, Shift

SYNTAX = Path(__file__).parent.parent / "walkwire" / "jac" / "syntax"
SOURCE = SYNTAX / "grammar.lark"
TABLES = SYNTAX / "grammar.json"


def build(source: str) -> dict[str, Any]:
    """Return the tables of a grammar. Raises lark's GrammarError for a conflict; it names the rules."""
    grammar, _ = load_grammar(source, SOURCE.name, [], False)  # type: ignore[no-untyped-call]
    terminals, rules, _ = grammar.compile(["start"], "*")
    analysis = LALR_Analyzer(ParserConf(rules, {}, ["start"]), debug=False, strict=True)
    analysis.compute_lalr()  # type: ignore[no-untyped-call]
    symbols = sorted({symbol.name for rule in rules for symbol in [rule.origin, *rule.expansion]} | {"$END"})
    number = {name: index for index, name in enumerate(symbols)}
    rule_number = {id(rule): index for index, rule in enumerate(rules)}
    lookaheads: dict[tuple[int, ...], int] = {}
    table = analysis.parse_table
    # lark stops in this state; here the end of the source is shifted like any other token.
    table.states[table.end_states["start"]]["$END"] = (Shift, table.end_states["start"])
    order = _order(table.states, table.start_states["start"])
    states = [_state(table.states[state], number, order, rule_number, lookaheads) for state in order]
    return {
        "source": fingerprint(source),
        "symbols": symbols,
        **_fixed(terminals),
        "rules": [_rule(rule, number) for rule in rules],
        "lookaheads": list(lookaheads),
        "states": states,
        "start": order[table.start_states["start"]],
    }


def fingerprint(source: str) -> str:
    """Return a digest of the grammar's text."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _order(states: dict[Any, dict[str, tuple[Any, Any]]], start: Any) -> dict[Any, int]:
    """Number the states in the order in which they are reached, since lark's own order differs from run to run."""
    order = {start: 0}
    waiting = [start]
    for state in waiting:
        for _, (action, following) in sorted(states[state].items(), key=lambda entry: entry[0]):
            if action is Shift and following not in order:
                order[following] = len(order)
                waiting.append(following)
    return order


def _fixed(terminals: list[TerminalDef]) -> dict[str, dict[str, str]]:
    """Return the keywords and signs that the grammar contains, each with the name of its terminal."""
    fixed = {t.pattern.value.replace("\\", ""): t.name for t in terminals if t.pattern.type == "str"}
    return {
        "words": {text: name for text, name in fixed.items() if text.isidentifier()},
        "signs": {text: name for text, name in fixed.items() if not text.isidentifier()},
    }


def _rule(rule: Rule, number: dict[str, int]) -> list[Any]:
    """[number of what it makes, length, kind of tree, how ("tree", "parts", "maybe"), [[place, are these parts?]…]]"""
    name = rule.origin.name
    how = "parts" if name.startswith("_") else "maybe" if rule.options.expand1 and not rule.alias else "tree"
    kept = [
        [place, int(not symbol.is_term and symbol.name.startswith("_"))]
        for place, symbol in enumerate(rule.expansion)
        if not (symbol.is_term and getattr(symbol, "filter_out", False))
    ]
    return [number[name], len(rule.expansion), rule.alias or name.lstrip("?"), how, kept]


def _state(
    row: dict[str, tuple[Any, Any]],
    number: dict[str, int],
    order: dict[Any, int],
    rule_number: dict[int, int],
    lookaheads: dict[tuple[int, ...], int],
) -> list[Any]:
    """[[symbol, next state, …], [rule, number of its set of lookaheads, …]]"""
    shifts: list[int] = []
    reduces: dict[int, list[int]] = {}
    for name, (action, argument) in sorted(row.items(), key=lambda entry: entry[0]):
        if action is Shift:
            shifts += [number[name], order[argument]]
        else:
            reduces.setdefault(rule_number[id(argument)], []).append(number[name])
    pairs: list[int] = []
    for rule, names in sorted(reduces.items()):
        pairs += [rule, lookaheads.setdefault(tuple(sorted(names)), len(lookaheads))]
    return [shifts, pairs]


def main() -> None:
    """Write grammar.json."""
    tables = build(SOURCE.read_text(encoding="utf-8"))
    TABLES.write_text(json.dumps(tables, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
