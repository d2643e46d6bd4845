"""Results: every figure of a run, by scenario, subject and name, a list with one of each round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.stage import Figures


class Key(NamedTuple):
    """Where a figure stands."""

    scenario: str
    subject: str
    figure: str


@dataclass
class Results:
    """`others` and `client`: the part of the machine that others took, of its core that the load client took, at most.

    `faults` says what could not be measured, and why; `skipped` what is not installed.
    """

    figures: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    others: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    client: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    faults: dict[str, dict[str, str]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(
        self, scenario: str, subject: str, figures: Figures, windows: Sequence[Mapping[str, float]]
    ) -> None:
        """Keep what one round gave."""
        kept = self.figures.setdefault(scenario, {}).setdefault(subject, {})
        for name, value in figures.items():
            kept.setdefault(name, []).append(value)
        for name, place in (("others", self.others), ("client", self.client)):
            if windows:
                most = max(window[name] for window in windows)
                place.setdefault(scenario, {}).setdefault(subject, []).append(most)

    def median(self, key: Key) -> float | None:
        """The figure of a run; None where it was not measured."""
        values = self._values(key)
        return statistics.median(values) if values else None

    def ratio(self, key: Key, beside: Key) -> float | None:
        """One figure by another: the median of the rounds' ratios, as what disturbs a round disturbs both."""
        above, below = self._values(key), self._values(beside)
        if not above or not below:
            return None
        if len(above) != len(below):
            return statistics.median(above) / statistics.median(below)
        return statistics.median(one / other for one, other in zip(above, below, strict=True))

    def range(self, key: Key) -> tuple[float, float]:
        """The lowest and the highest round."""
        values = self._values(key)
        return (min(values), max(values)) if values else (0.0, 0.0)

    def spread(self, key: Key) -> float:
        """How far the rounds are apart: (largest - smallest) / median."""
        low, high = self.range(key)
        middle = self.median(key)
        return (high - low) / middle if middle else 0.0

    def busy(self) -> tuple[float, float]:
        """The part of the machine that others took: the median of all measurements, and the most."""
        values = [
            value for subjects in self.others.values() for found in subjects.values() for value in found
        ]
        return (statistics.median(values), max(values)) if values else (0.0, 0.0)

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "figures": self.figures,
            "others": self.others,
            "client": self.client,
            "faults": self.faults,
            "skipped": self.skipped,
        }

    def _values(self, key: Key) -> list[float]:
        return self.figures.get(key.scenario, {}).get(key.subject, {}).get(key.figure, [])
