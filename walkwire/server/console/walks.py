"""Walks: describes the record of a walk for the console: each step with what it read and wrote, and what was told."""

from __future__ import annotations

from typing import Any

from walkwire.ids import root_reference
from walkwire.server.console.shown import shown
from walkwire.walk.unit.record import StepRecord, WalkRecord

Row = dict[str, Any]  # ready to be encoded as JSON


def described(record: WalkRecord) -> Row:
    """Return a walk as JSON. Times are milliseconds."""
    error = record.error
    return {
        "walker": record.walker,
        "root": root_reference(record.root_id),
        "mode": record.mode,
        "node": record.node,
        "client": record.client_id,
        "began": record.began,
        "ms": None if record.seconds is None else round(record.seconds * 1000, 3),
        "status": record.status,
        "size": record.size,
        "error": None if error is None else f"{type(error).__name__}: {error}"[:2000],
        "attempts": record.attempts,
        "statements": record.statements,
        "fields": shown(record.fields),
        "is_cut": record.is_cut,
        "steps": [_step(step) for step in record.steps],
        "written": [
            {
                "deed": one.deed,
                "reference": one.reference,
                "before": None if one.before is None else shown(one.before),
                "after": None if one.after is None else shown(one.after),
                "ends": list(one.ends),
            }
            for one in record.written
        ],
        "told": [
            {
                "kind": one.kind,
                "targets": [*map(str, one.targets[:20])],
                "data": shown(one.data),
                "size": one.size,
                "step": one.step,
            }
            for one in record.told
        ],
    }


def _step(step: StepRecord) -> Row:
    code = getattr(step.function, "__code__", None)
    place = None if code is None else f"{code.co_filename.rpartition('/')[2]}:{code.co_firstlineno}"
    return {
        "walker": step.walker,
        "ability": getattr(step.function, "__name__", "?"),
        "code": place,
        "place": step.place,
        "depth": step.depth,
        "begun": round(step.begun * 1000, 3),
        "ms": None if step.seconds is None else round(step.seconds * 1000, 3),
        "statements": step.statements,
        "reads": [list(one) for one in step.reads],
        "writes": [list(one) for one in step.writes],
    }
