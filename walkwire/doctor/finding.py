"""Finding: what a check found: its level, what it is about, and a sentence that says what to mend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "wrong"]


class Finding(NamedTuple):
    """What a check found.

    - level: `wrong`: it is not safe to serve so; `warn`: it may be meant so
    - what: what was checked, one or two words
    - sentence: what is so and, unless it is `ok`, what to do. Without secrets
    """

    level: Level
    what: str
    sentence: str


def as_text(findings: Sequence[Finding]) -> str:
    """Return a line for each finding, and their numbers."""
    width = max(len(each.what) for each in findings)
    lines = [f"{each.level:<6} {each.what:<{width}}  {each.sentence}" for each in findings]
    numbers = {level: sum(each.level == level for each in findings) for level in ("ok", "warn", "wrong")}
    return "\n".join([*lines, ", ".join(f"{level}: {number}" for level, number in numbers.items())])


def as_json(findings: Sequence[Finding]) -> str:
    """Return a JSON list of objects with the keys `level`, `what` and `sentence`."""
    return json.dumps([each._asdict() for each in findings], ensure_ascii=False)
