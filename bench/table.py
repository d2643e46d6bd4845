"""Table: a run as Markdown, budgets first."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

from bench.budget import BUDGETS
from bench.results import Key, Results
from bench.stage import Scenario


def markdown(
    scenarios: Sequence[Scenario], results: Results, facts: Mapping[str, str], picture: str | None = None
) -> str:
    """The whole page. `picture` is the file of its chart."""
    parts = [
        _heading(facts),
        *([f"![The figures below, drawn]({picture})\n"] if picture else ()),
        *_budgets(results),
    ]
    for scenario in scenarios:
        parts += _scenario(scenario, results)
    return "\n".join(parts) + "\n"


def _heading(facts: Mapping[str, str]) -> str:
    lines = [f"- {name}: {value}" for name, value in facts.items()]
    told = "Medians. Unless a title says otherwise, rates are per CPU second of the server's process."
    return "\n".join(["# Bench", "", told, "", *lines, ""])


def _budgets(results: Results) -> Iterator[str]:
    rows = []
    for budget in BUDGETS:
        value = budget.value(results)
        if value is not None:
            word = "yes" if budget.is_met(value) else "**no**"
            spread = f"{results.spread(budget.of):.0%}"
            rows.append((budget.what, budget.bound(), number(value), word, spread))
    if rows:
        yield "## Budgets\n"
        yield _table(("what", "budget", "here", "met", "spread of rounds"), rows)


def _scenario(scenario: Scenario, results: Results) -> Iterator[str]:
    found = results.figures.get(scenario.name, {})
    faults = results.faults.get(scenario.name, {})
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    rows = []
    for subject in scenario.subjects:
        if subject.name in found:
            medians = (results.median(Key(scenario.name, subject.name, name)) for name in names)
            shown = ("" if value is None else number(value) for value in medians)
            rows.append((subject.name, *shown, *_busy(scenario.name, subject.name, results)))
    yield f"## {scenario.title}\n"
    if rows:
        yield _table(("", *names, "client's core", "others"), rows)
    for name, fault in faults.items():
        yield f"{name} failed: {fault}\n"
    if scenario.notes:
        yield f"{scenario.notes}\n"


def _busy(scenario: str, subject: str, results: Results) -> tuple[str, str]:
    """How busy the load client was, and others on the machine."""
    shown = []
    for place in (results.client, results.others):
        values = place.get(scenario, {}).get(subject)
        shown.append(f"{statistics.median(values):.0%}" if values else "")
    return shown[0], shown[1]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line = "|".join(["", *(f" {name} " for name in head), ""])
    rule = "|---|" + "---:|" * (len(head) - 1)
    body = ["|".join(["", *(f" {cell} " for cell in row), ""]) for row in rows]
    return "\n".join([line, rule, *body, ""])


def number(value: float) -> str:
    """As people read it."""
    if math.isinf(value):
        return "∞"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
