"""Timetable: when a walker runs by itself, as `schedule` in its specs says: by a cron pattern, at an interval, or once.

APScheduler's triggers compute the times; Jac Cloud's programs use their words. The package is required only for programs with a
timetable (`pip install walkwire[schedule]`).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

_TRIGGERS = {"cron": "CronTrigger", "interval": "IntervalTrigger", "date": "DateTrigger"}
# What Jac Cloud's programs may say besides, and what it amounts to here.
_OTHER = {"misfire_grace_time", "coalesce", "propagate", "next_run_time"}
_INTERVALS = {"weeks", "days", "hours", "minutes", "seconds"}
_GRACE = timedelta(seconds=1)  # a time that passed longer ago is left out, not made up for


class Trigger(Protocol):
    """APScheduler's trigger."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """Return the next time; None if there is no other."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a walker runs, where it starts, and with which values of its fields.

    - trigger: computes the times
    - node: the reference of the node where it starts; None: the system's root
    - args, kwargs: the values of the walker's fields
    - save: store each walker with the outcome of its run
    - at_once: how many runs may be under way at the same time
    - begins: no run starts before this time; None: no bound
    """

    trigger: Trigger
    node: str | None
    args: tuple[object, ...]
    kwargs: dict[str, object]
    save: bool
    at_once: int
    begins: datetime | None

    def next(self, before: datetime | None, now: datetime) -> datetime | None:
        """Return the next time, after `before` if there was a run then; None if there is no other.

        A time that passed more than a second ago is skipped.
        """
        if self.begins is not None:
            now = max(now, self.begins)
        found = self.trigger.get_next_fire_time(before, now)
        if found is not None and now - found > _GRACE:
            found = self.trigger.get_next_fire_time(None, now)
        return None if found is None or now - found > _GRACE else found


def timetable(value: object) -> Timetable | None:
    """Return the timetable in a value of `schedule`. Raises ValueError, and NotImplementedError without APScheduler."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError("is a dictionary with `trigger` and its times")
    given = dict(value)
    kind = str(given.pop("trigger", "")).lower()
    if kind not in _TRIGGERS:
        raise ValueError(f"has a `trigger`: {', '.join(_TRIGGERS)}")
    begins = given.get("next_run_time")
    chosen: dict[str, Any] = {  # Any: the fields of Timetable, each of its own type
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
    """Return the id of a walker's run at a time: the same on every server, so that only one of them creates the task."""
    digest = hashlib.sha256(f"{walker.__name__} {at.astimezone(UTC).isoformat()}".encode()).hexdigest()
    return f"{int(at.timestamp()):08x}{digest[:16]}"


def _trigger(kind: str, times: dict[str, object]) -> Trigger:
    try:
        module = importlib.import_module(f"apscheduler.triggers.{kind}")
    except ImportError:
        raise NotImplementedError("needs the package APScheduler: pip install walkwire[schedule]") from None
    if kind == "interval":  # count from 1970: counted from the start of the process, servers would disagree
        interval: dict[str, object] = {} if set(times) & _INTERVALS else {"seconds": 1}
        times = {"start_date": datetime(1970, 1, 1, tzinfo=UTC)} | interval | times
    try:
        trigger: Trigger = getattr(module, _TRIGGERS[kind])(**{"timezone": UTC} | times)
        return trigger
    except (TypeError, ValueError) as error:
        raise ValueError(f"has times that {_TRIGGERS[kind]} does not take ({error})") from None
