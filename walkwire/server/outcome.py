"""Outcome: a short word, out of few, for how a walk or a request ended. It is a label of metrics, so it has to be bounded."""

from __future__ import annotations

from starlette.exceptions import HTTPException

from walkwire.errors import PublicError
from walkwire.store import TaskTaken

# The codes of `errors.py`. A code that a program chooses is reported as "program", so that the label stays bounded.
CODES = frozenset(
    {
        "bad_event",
        "bad_reference",
        "busy",
        "conflict",
        "in_doubt",
        "internal",
        "key_reused",
        "key_spent",
        "limited",
        "no_access",
        "refused",
        "timeout",
        "too_large",
        "unauthenticated",
        "unknown_walker",
        "unprintable",
    }
)


def outcome_of(error: BaseException) -> str:
    """Return the code of `errors.py` for what ended a walk or a request: "program" for an error that a program chose,
    "cancelled" for a caller that gave up, "internal" for a fault."""
    match error:
        case PublicError():
            return error.code if error.code in CODES else "program"
        case HTTPException():
            return "program"
        case TaskTaken():
            return "conflict"
        case Exception():
            return "internal"
        case _:
            return "cancelled"
