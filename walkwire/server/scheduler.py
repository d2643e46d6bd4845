"""Scheduler: creates a task for each time of each timetable, run as the system's root. Of several servers, one creates it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from datetime import datetime

from walkwire.ids import SYSTEM_ROOT
from walkwire.server.dispatch import Dispatch
from walkwire.store import Asking, GraphStore, TaskRecord
from walkwire.walk.run.clock import Clock
from walkwire.walk.walker.specs import specs_mistake, specs_of
from walkwire.walk.walker.timetable import Timetable, id_of


class Scheduler:
    """Keeps the timetables of a program's walkers. Raises StartError if a timetable's values do not fit its walker's fields."""

    def __init__(
        self, store: GraphStore, asking: Asking, dispatch: Dispatch, walkers: Mapping[str, type]
    ) -> None:
        self._store = store
        self._asking = asking
        self._dispatch = dispatch
        self._timetables: dict[type, Timetable] = {}
        self._last: dict[type, deque[str]] = {}
        for walker in walkers.values():
            timetable = specs_of(walker).schedule
            if timetable is not None:
                _values(walker, timetable)
                self._timetables[walker] = timetable
                self._last[walker] = deque(maxlen=max(1, timetable.at_once))
        self._clock = Clock(self.create_task)

    def start(self) -> None:
        """Start creating tasks."""
        self._clock.start(self._timetables)

    async def stop(self) -> None:
        """Create no more tasks."""
        await self._clock.stop()

    def is_forgotten(self, task: TaskRecord) -> bool:
        """Return whether a task is to be deleted once it ends: its timetable says `save: False`."""
        if task.root_id != SYSTEM_ROOT:
            return False
        return any(
            walker.__name__ == task.walker and not timetable.save
            for walker, timetable in self._timetables.items()
        )

    async def create_task(self, walker: type, timetable: Timetable, at: datetime) -> None:
        """Create the task of this time, unless another server has, or the timetable's `at_once` tasks are still running."""
        id, last = id_of(walker, at), self._last[walker]
        if len(last) == last.maxlen and all([await self._is_under_way(one) for one in last]):
            return
        last.append(id)
        try:
            if await self._task(id) is None:
                await self._dispatch.order(walker, _values(walker, timetable), timetable.node, id)
        except Exception:
            if await self._task(id) is None:  # else another server created it meanwhile
                raise

    async def _is_under_way(self, id: str) -> bool:
        task = await self._task(id)
        return task is not None and task.state in ("PENDING", "STARTED")

    async def _task(self, id: str) -> TaskRecord | None:
        return await self._asking.ask(self._store.load_task, id)


def _values(walker: type, timetable: Timetable) -> dict[str, object]:
    """Return values of the walker's fields: `args` in the order of the fields, then `kwargs`. Raises StartError."""
    names = [field.name for field in dataclasses.fields(walker) if field.init]
    values: dict[str, object] = dict(zip(names, timetable.args, strict=False)) | timetable.kwargs
    if len(timetable.args) > len(names) or not set(values) <= set(names):
        raise specs_mistake(walker, "'schedule' gives values that are no fields of it")
    return values
