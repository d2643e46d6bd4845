"""Fair: a queue in which the jobs of many payers take turns, so that one who asks for much delays nobody else."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items in the order of their payers' turns; those of one payer in the order in which they were added.

    - size: the number of items. Not to be changed from outside
    """

    __slots__ = ("_of", "_turns", "size")

    def __init__(self) -> None:
        self.size = 0
        self._of: dict[str, deque[Item]] = {}
        self._turns: deque[tuple[str, deque[Item]]] = deque()  # the payer whose turn it is first

    def put(self, payer: str, item: Item) -> None:
        """Add an item. A payer without any gets the last turn."""
        self.size += 1
        items = self._of.get(payer)
        if items is None:
            items = self._of[payer] = deque()
            self._turns.append((payer, items))
        items.append(item)

    def take(self) -> Item:
        """Remove and return the next item. Raises IndexError if there is none."""
        turns = self._turns
        payer, items = turns[0]
        item = items.popleft()
        self.size -= 1
        if not items:
            turns.popleft()
            del self._of[payer]
        elif len(turns) > 1:
            turns.rotate(-1)
        return item
