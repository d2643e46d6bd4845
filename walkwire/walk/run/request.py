"""Request: what is asked of the runtime: which walker walks, with which fields, for whom, and from where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from walkwire.store import KeyedCall
from walkwire.walk.graph.habit import Habit
from walkwire.walk.unit.record import WalkRecord
from walkwire.walk.walker.walker import Walker


class Entry(NamedTuple):
    """Where a walk enters the graph.

    - node: the reference of a node or edge; None: the caller's root
    - kinds: names of the classes at which it may enter, `root` among them; None: all. Refused is raised at others.
    """

    node: str | None = None
    kinds: frozenset[str] | None = None


class RunOptions(NamedTuple):
    """What a walker's specs say of its runs.

    - may_retry: whether the walk is retried after a conflict; if not, the first conflict ends it
    - status: the HTTP status of the answer, unless the walker sets one
    - seconds: the time limit of the walk; 0: none; None: the limit of the runtime
    - habit: what the walker reads first; None: nobody remembers
    """

    may_retry: bool = True
    status: int = 200
    seconds: float | None = None
    habit: Habit | None = None


class Later(NamedTuple):
    """Store the walk as a task instead of running it. The answer is the walker's id: `id`, or a new one if that is None."""

    id: str | None = None


class TaskRun(NamedTuple):
    """Run a stored task. The fields of the request are not used: the walker is stored with them.

    - id: the id of the walker
    - server: the id of the server that runs the task
    - is_forgotten: whether the stored walker is deleted when its walk ends
    """

    id: str
    server: str
    is_forgotten: bool = False


class WalkRequest(NamedTuple):
    """A walk that is asked for.

    - walker: the class of the walker
    - fields: returns the values of the walker's fields, new ones for each attempt
    - root_id: the root of the user who walks
    - entry: where the walk enters the graph
    - options: what the walker's specs say
    - client_id: the connection whose event this is; None over REST and for tasks
    - mode: None to run the walk and answer it; `Later` to store it as a task; `TaskRun` to run a stored task
    - payer: by whom the walk is counted: an address, for callers who are not signed in; "": by its root
    - call: the record of a call with a key, as it is before the walk (`status` 0); None: the call has no key
    - record: takes what the walk does; None: nobody watches
    """

    walker: type[Walker]
    fields: Callable[[], dict[str, Any]]
    root_id: str
    entry: Entry = Entry()
    options: RunOptions = RunOptions()
    client_id: str | None = None
    mode: Later | TaskRun | None = None
    payer: str = ""
    call: KeyedCall | None = None
    record: WalkRecord | None = None
