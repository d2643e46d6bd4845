"""Finding: one thing that is wrong with a history, and which of the transactions without an answer must have been done."""

from __future__ import annotations

from dataclasses import dataclass

from tests.cluster.history.model import ABORTED, Transaction


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is the anomaly's, `what` a sentence, `transactions` the ids of those who show it, `at` a moment if one is known."""

    name: str
    what: str
    transactions: tuple[int, ...] = ()
    at: float | None = None


class Seen:
    """Which transactions were done as far as anybody saw: those that were acknowledged, and those whose writes were read."""

    def __init__(self, transactions: list[Transaction]) -> None:
        self._all = transactions
        self.done = [one.outcome == "ok" for one in transactions]

    def happened(self, place: int) -> None:
        """Somebody read what this one wrote."""
        self.done[place] = True

    def refused(self, place: int, write: str) -> Finding:
        """The finding that a write was read whose transaction failed."""
        one = self._all[place]
        if one.code in ("", ABORTED):
            return Finding("G1a", f"{write} was read, and its walk was aborted", (one.id,), one.completed)
        what = f"{write} was read, and its walk was answered {one.code!r}"
        return Finding("refused-but-done", what, (one.id,), one.completed)
