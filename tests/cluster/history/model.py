"""Model: a history, as the checker reads it: what clients asked for, when, and what they were answered. Knows no server.

A transaction is one unit of work of a walk. Its steps name three kinds of data, each by a key:

- a list, to which unique values are appended: `Append`, `Read`;
- a register, which remembers the value that its own replaced: `Write`, `Get`;
- a set of unique elements, each of which comes once and goes once: `Add`, `Remove`, `Look`. The life of a node, a neighbourhood
  and the result of a search are sets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

Outcome = Literal["ok", "fail", "info"]

NONE = 0  # the value of a register that nobody has written
ABORTED = "aborted"  # the code of a walk that the program itself ended after it had written


class Append(NamedTuple):
    """Put `value`, which no other step appends, at the end of a list."""

    key: str
    value: int


class Read(NamedTuple):
    """The whole of a list."""

    key: str
    values: tuple[int, ...]


class Write(NamedTuple):
    """Replace the value of a register by one that no other step writes."""

    key: str
    value: int


class Get(NamedTuple):
    """The value of a register, and the one that it replaced."""

    key: str
    value: int
    previous: int


class Add(NamedTuple):
    """Put an element, which no other step adds, into a set."""

    key: str
    element: int


class Remove(NamedTuple):
    """Take an element out of a set; None where the answer that would have named it never came."""

    key: str
    element: int | None


class Look(NamedTuple):
    """The elements that were found in a set, of those in `asked` (None: of all)."""

    key: str
    seen: tuple[int, ...]
    asked: tuple[int, ...] | None = None


Step = Append | Read | Write | Get | Add | Remove | Look
_STEPS: dict[str, type[Step]] = {
    kind.__name__: kind for kind in (Append, Read, Write, Get, Add, Remove, Look)
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """One unit of work. All times are seconds of one clock.

    - `outcome`: "ok" was acknowledged; "fail" was refused, so nothing may have been done; "info" nobody knows.
    - `steps`: with their results where the outcome is "ok", otherwise only the writes, as they were asked for.
    - `code`: the error's code, or why the outcome is not known.
    - `after`: the id of the transaction that the same walk committed before this one.
    - `what`: a word for people.
    - `perhaps`: values that it would write under a condition; whether it did is not known where its outcome is not "ok".
    """

    id: int
    process: int
    invoked: float
    completed: float
    outcome: Outcome
    steps: tuple[Step, ...]
    code: str = ""
    after: int | None = None
    what: str = ""
    perhaps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """A notification that a transaction asked for: version `version` of the record `key`, in `channel`, through `server`."""

    transaction: int
    channel: str
    key: str
    value: int
    version: int
    server: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A notification that reached a listener. `pair` are two values of one moment, where it told them."""

    listener: int
    at: float
    key: str
    value: int
    version: int
    pair: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """A time in which a listener was connected without a gap, to `server`, in `channel`."""

    listener: int
    channel: str
    server: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Fault:
    """What was done to the system, from `start` until `end`; `back`: when an operation first succeeded after that."""

    kind: str
    target: str
    start: float
    end: float
    back: float | None = None


@dataclass(slots=True)
class History:
    """All of a run. `unique`: the keys of sets that must never hold two elements."""

    transactions: list[Transaction] = field(default_factory=list)
    announced: list[Announced] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    listening: list[Listening] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    unique: set[str] = field(default_factory=set)

    def save(self, path: Path) -> None:
        """Write the history as JSON lines."""
        with path.open("w") as file:
            for name, records in self._parts():
                for record in records:
                    fields = {"unique": record} if isinstance(record, str) else _plain(record)
                    file.write(json.dumps({"part": name} | fields) + "\n")

    @classmethod
    def load(cls, path: Path) -> History:
        """Read what `save` wrote."""
        history = cls()
        with path.open() as file:
            for line in file:
                fields = json.loads(line)
                name = fields.pop("part")
                if name == "unique":
                    history.unique.add(fields["unique"])
                else:
                    getattr(history, name).append(_made(name, fields))
        return history

    def _parts(self) -> Iterable[tuple[str, Iterable[Any]]]:
        for name in ("transactions", "announced", "heard", "listening", "faults"):
            yield name, getattr(self, name)
        yield "unique", sorted(self.unique)


_RECORDS: dict[str, type[Any]] = {
    "transactions": Transaction,
    "announced": Announced,
    "heard": Heard,
    "listening": Listening,
    "faults": Fault,
}


def _plain(record: Any) -> dict[str, Any]:
    fields = asdict(record)
    if isinstance(record, Transaction):
        fields["steps"] = [[type(step).__name__, *step] for step in record.steps]
    return fields


def _made(name: str, fields: dict[str, Any]) -> Any:
    if name == "transactions":
        steps = ((_STEPS[kind], values) for kind, *values in fields["steps"])
        fields["steps"] = tuple(kind(*map(_frozen, values)) for kind, values in steps)
    if name == "transactions":
        fields["perhaps"] = tuple(fields["perhaps"])
    if fields.get("pair") is not None:
        fields["pair"] = tuple(fields["pair"])
    return _RECORDS[name](**fields)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
