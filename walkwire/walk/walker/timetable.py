"""Timetable: when a walker walks by itself, as its specs' `schedule` says: by a cron pattern, at an interval, or once.

The times are reckoned by APScheduler's triggers, whose words Jac Cloud's programs use; it is asked for only where a program has
a timetable (`pip install walkwire[schedule]`).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_TRIGGERS = {"cron": "CronTrigger", "interval": "IntervalTrigger", "date": "DateTrigger"}
# What Jac Cloud's programs may say besides, and what it amounts to here.
_OTHER = {"misfire_grace_time", "coalesce", "propagate", "next_run_time"}
_INTERVALS = {"weeks", "days", "hours", "minutes", "seconds"}
_GRACE = timedelta(seconds=1)  # a time that passed longer ago is left out, not made up for


@dataclass(frozen=True, slots=True)
class Timetable:
    """When, from which node (a reference, None: the system's root), and with which values of its fields.

    `save`: each walker is kept with what became of it. `at_once` is how many of them may be under way.
    """

    trigger: Any
    node: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    save: bool
    at_once: int
    begins: datetime | None

    def next(self, before: datetime | None, now: datetime) -> datetime | None:
        """The next time, after `before` if that was one; None where there is no other."""
        if self.begins is not None:
            now = max(now, self.begins)
        found: datetime | None = self.trigger.get_next_fire_time(before, now)
        if found is not None and now - found > _GRACE:
            found = self.trigger.get_next_fire_time(None, now)
        return None if found is None or now - found > _GRACE else found


def timetable(value: Any) -> Timetable | None:
    """Read `schedule`. Raises ValueError, and NotImplementedError without APScheduler."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError("is a dictionary with `trigger` and its times")
    given = dict(value)
    kind = str(given.pop("trigger", "")).lower()
    if kind not in _TRIGGERS:
        raise ValueError(f"has a `trigger`: {', '.join(_TRIGGERS)}")
    begins = given.get("next_run_time")
    chosen = {
        "node": given.pop("node", None),
        "args": tuple(given.pop("args", None) or ()),
        "kwargs": dict(given.pop("kwargs", None) or {}),
        "save": bool(given.pop("save", False)),
        "at_once": int(given.pop("max_instances", 1)),
        "begins": begins.astimezone(UTC) if isinstance(begins, datetime) else None,
    }
    times = {key: one for key, one in given.items() if key not in _OTHER}
    return Timetable(_trigger(kind, times), **chosen)


def id_of(walker: type, at: datetime) -> str:
    """The id of the walker of that name at that time: the same on every server, so that one of them orders it."""
    digest = hashlib.sha256(f"{walker.__name__} {at.astimezone(UTC).isoformat()}".encode()).hexdigest()
    return f"{int(at.timestamp()):08x}{digest[:16]}"


def _trigger(kind: str, times: dict[str, Any]) -> Any:
    try:
        module = importlib.import_module(f"apscheduler.triggers.{kind}")
    except ImportError:
        raise NotImplementedError("needs the package APScheduler: pip install walkwire[schedule]") from None
    if (
        kind == "interval"
    ):  # on one grid, else it would begin with the process, on each server at another moment
        interval = {} if set(times) & _INTERVALS else {"seconds": 1}
        times = {"start_date": datetime(1970, 1, 1, tzinfo=UTC)} | interval | times
    try:
        return getattr(module, _TRIGGERS[kind])(**{"timezone": UTC} | times)
    except (TypeError, ValueError) as error:
        raise ValueError(f"has times that {_TRIGGERS[kind]} does not take ({error})") from None
