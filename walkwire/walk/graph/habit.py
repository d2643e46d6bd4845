"""Habit: what a walker reads first at the node where it enters. A store can then read both at once.

Most walkers ask each time for the same neighbourhood of their entry. Once a walker has done so a few times, the store is told
what to expect. A walker that does otherwise once is not foreseen until it has done the same a few times again.
"""

from __future__ import annotations

from walkwire.store import Selection

SURE = 3  # equal runs, one after another, from which the next is foreseen


class Habit:
    """The last runs of one walker, in all threads: a run that is lost between two threads does no harm."""

    __slots__ = ("_first", "_times")

    def __init__(self) -> None:
        self._first: Selection | None = None
        self._times = 0

    def ahead_of(self, entry: str) -> Selection | None:
        """Return what the next run will probably read first, if it enters at the node with this id; None: nobody knows."""
        first = self._first
        return first._replace(node=entry) if first is not None and self._times >= SURE else None

    def learn(self, entry: str, first: Selection | None) -> None:
        """Remember what a run read first that entered at this node; None: it read no neighbourhood."""
        if first is None or first.node != entry or first.far is not None:
            self._first, self._times = None, 0
            return
        known = self._first
        if known is not None and known[1:] == first[1:]:
            self._times += self._times < SURE
        else:
            self._first, self._times = first, 1
