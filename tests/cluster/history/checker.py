"""Checker: a pure function from a history to a report. Is there a serial order that explains the history?

The method is that of Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB
2020). The writes are such that each read tells which versions came before it, so dependencies are known rather than guessed.
A cycle of dependencies is an anomaly (Adya, "Weak Consistency", 1999). With the edges of real time, no cycle means strict
serialisability.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.cluster.history.cycles import NAMES, RT, Cycle, Graph
from tests.cluster.history.finding import Finding, Seen
from tests.cluster.history.model import History, Transaction
from tests.cluster.history.notifications import Notifications, Told
from tests.cluster.history.sets import Sets
from tests.cluster.history.versions import Versions

_SHOWN = 5  # findings of each name in the text of a report


@dataclass(slots=True)
class Report:
    """What was found. `findings` is empty where the history is as the docs promise."""

    outcomes: Counter[str]
    codes: Counter[str]
    kinds: Counter[str]
    told: Told
    findings: list[Finding] = field(default_factory=list)

    @property
    def names(self) -> Counter[str]:
        """How many findings there are of each name."""
        return Counter(finding.name for finding in self.findings)

    def __str__(self) -> str:
        lines = [
            f"{self.outcomes.total():,} transactions: "
            + ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(self.outcomes.items())),
            "by kind: "
            + (", ".join(f"{kind} {count:,}" for kind, count in self.kinds.most_common()) or "none"),
            "not ok: "
            + (", ".join(f"{code} {count:,}" for code, count in self.codes.most_common()) or "none"),
            f"notifications: {self.told.heard:,} heard, {self.told.expected:,} had to be, {self.told.pairs:,} told at once; "
            f"{self.told.late:,} after a later version of the same record"
            + (f" (for example: {self.told.example})" if self.told.example else ""),
            "anomalies: "
            + (", ".join(f"{name} {count:,}" for name, count in sorted(self.names.items())) or "none"),
        ]
        shown: Counter[str] = Counter()
        for finding in self.findings:
            shown[finding.name] += 1
            if shown[finding.name] <= _SHOWN:
                at = f" at {finding.at:.3f} s" if finding.at is not None else ""
                ids = ", ".join(map(str, finding.transactions[:8]))
                lines.append(f"  {finding.name}{at}: {finding.what}" + (f" [{ids}]" if ids else ""))
        return "\n".join(lines)


def check(history: History) -> Report:
    """All that is wrong with a history. 200,000 transactions take some seconds."""
    was_collecting = gc.isenabled()
    gc.disable()  # there is no garbage here, and millions of small objects
    try:
        return _check(history)
    finally:
        if was_collecting:
            gc.enable()


def _check(history: History) -> Report:
    transactions = history.transactions
    report = Report(
        Counter(one.outcome for one in transactions),
        Counter(
            f"{one.outcome} {one.code or 'without a code'}" for one in transactions if one.outcome != "ok"
        ),
        Counter(one.what for one in transactions if one.what),
        Told(),
    )
    seen = Seen(transactions)
    graph = Graph(len(transactions))
    report.findings += Versions(transactions, seen).edges(graph)
    report.findings += Sets(transactions, seen, history.unique).edges(graph)
    notifications = Notifications(history, seen)
    report.findings += notifications.findings()
    report.told = notifications.told
    _add_time(graph, transactions)
    report.findings += _cycles(graph, transactions)
    report.findings = _distinct(report.findings)
    return report


def _add_time(graph: Graph, transactions: list[Transaction]) -> None:
    places = {one.id: place for place, one in enumerate(transactions)}
    for place, one in enumerate(transactions):
        if one.after is not None:
            graph.add(places[one.after], place, RT, "the same walk")
    graph.add_real_time(
        [one.invoked for one in transactions],
        [one.completed if one.outcome == "ok" else None for one in transactions],
    )


def _cycles(graph: Graph, transactions: list[Transaction]) -> Iterator[Finding]:
    for cycle in graph.cycles():
        ids = tuple(transactions[node].id for node in cycle.nodes if node < len(transactions))
        first = min(transactions[node].completed for node in cycle.nodes if node < len(transactions))
        yield Finding(cycle.name, _sentence(cycle, transactions), ids, first)


def _sentence(cycle: Cycle, transactions: list[Transaction]) -> str:
    """Each transaction with the reason why it came before the next. Barriers are left out."""
    parts = []
    for node, edge in zip(cycle.nodes, cycle.edges, strict=True):
        if node < len(transactions):
            why = "earlier" if edge.kind == RT else f"{NAMES[edge.kind]} {_reason(edge.why)}"
            parts.append(f"T{transactions[node].id} -{why}->")
    return " ".join(
        [*parts, f"T{transactions[cycle.nodes[0]].id}"] if cycle.nodes[0] < len(transactions) else parts
    )


def _reason(why: object) -> str:
    return " ".join(map(str, why)) if isinstance(why, tuple) else str(why)


def _distinct(findings: list[Finding]) -> list[Finding]:
    known: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        known.setdefault((finding.name, finding.what), finding)
    return list(known.values())
