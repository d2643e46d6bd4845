"""Program: describes what a program has: its walkers with their fields, its timetables, its classes of nodes and edges."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import Any

from walkwire.server.http.walkers.request import event_model_of
from walkwire.server.http.walkers.rest import places_of
from walkwire.walk.registry import Registry
from walkwire.walk.walker.ability import has_async
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.specs import Specs, specs_of

Row = dict[str, Any]  # ready to be encoded as JSON


def walkers_of(registry: Registry) -> list[Row]:
    """Return the walkers of a program by name, each with a JSON schema of the fields that a caller may set."""
    return [_walker(name, walker) for name, walker in sorted(registry.walkers.items())]


def schedules_of(registry: Registry) -> list[Row]:
    """Return the timetables of a program, each with its next time in Unix seconds."""
    found = []
    for name, walker in sorted(registry.walkers.items()):
        timetable = specs_of(walker).schedule
        if timetable is None:
            continue
        due = timetable.next(None, datetime.now(UTC))
        found.append(
            {
                "walker": name,
                "trigger": str(timetable.trigger),
                "node": timetable.node,
                "at_once": timetable.at_once,
                "save": timetable.save,
                "next": None if due is None else due.timestamp(),
            }
        )
    return found


def _walker(name: str, walker: type) -> Row:
    specs = specs_of(walker)
    return {
        "name": name,
        "about": _about(walker),
        "methods": list(specs.methods),
        "paths": [
            {"url": place.url, "at_node": place.at_node}
            for place in places_of(name, specs)
            if place.is_listed
        ],
        "auth": specs.auth,
        "private": specs.private,
        "webhook": specs.webhook is not None,
        "entry": specs.entry_type,
        "on": list(specs.on),
        "query": "*" if specs.as_query == "*" else list(specs.as_query),
        "background": bool(getattr(walker, "__jac_async__", False)),
        "is_async": has_async(walker),
        "schema": _schema(walker, specs),
        "file": _place(walker),
    }


def _schema(walker: type, specs: Specs) -> Row | None:
    """Return the JSON schema of a walker's fields; None if there is none for one of them."""
    try:
        model = event_model_of(walker, specs) if specs.excluded else model_of(walker)
        return model.model_json_schema()
    except Exception:  # of a type that JSON cannot carry, such as a file
        return None


def _about(walker: type) -> str | None:
    doc = walker.__doc__
    is_made = doc is None or doc.startswith(f"{walker.__name__}(")  # by the dataclass
    return None if is_made else inspect.getdoc(walker)


def _place(walker: type) -> str | None:
    """Return the file and line of a walker, without the folders above the file."""
    try:
        lines = inspect.getsourcelines(walker)[1]
        file = inspect.getsourcefile(walker) or ""
    except (OSError, TypeError):
        return None
    return f"{file.rpartition('/')[2]}:{lines}"
