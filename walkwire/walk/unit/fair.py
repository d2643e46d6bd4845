"""Fair: a queue in which the jobs of many payers take turns, so that one who asks for much delays nobody else."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FairQueue(Generic[Item]):
    """Items in the order of their payers' turns; those of one payer in the order in which they were added."""

    __slots__ = ("_of", "_size")

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[Item]] = OrderedDict()  # the payer whose turn it is first
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def put(self, payer: str, item: Item) -> None:
        """Add an item. A payer without any gets the last turn."""
        self._size += 1
        items = self._of.get(payer)
        if items is None:
            items = self._of[payer] = deque()
        items.append(item)

    def take(self) -> Item:
        """Remove and return the next item. Raises KeyError if there is none."""
        of = self._of
        payer = next(iter(of), None)
        if payer is None:
            raise KeyError
        items = of[payer]
        self._size -= 1
        item = items.popleft()
        if not items:
            del of[payer]
        elif len(of) > 1:
            of.move_to_end(payer)
        return item
