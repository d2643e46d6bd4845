"""Decision: what a program is asked outside of its walks: a caller's level on a node, and the answer of a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from walkwire.errors import NoAccess
from walkwire.store import Lost
from walkwire.walk.access import Level
from walkwire.walk.audience import Addressees
from walkwire.walk.current import enter_run, leave_run
from walkwire.walk.run.host import ServerHost, Shared
from walkwire.walk.run.run import Run


def level_of(shared: Shared, root_id: str, node_id: str) -> Level:
    """Return a user's level on a node, NO_ACCESS if it is absent. Call it in a worker thread.

    It is decided as in a walk of that user, so that `__jac_access__` may use the graph. What it changes is not stored. Raises
    what the program raises.
    """
    host = ServerHost(replace(shared, entries_of=None))
    run = Run(shared.store, shared.store.latest(), shared.registry, root_id, host, _discard)
    token = enter_run(run)
    try:
        node = run.graph.find(node_id)
        return Level.NO_ACCESS if node is None else run.graph.level(node)
    except (NoAccess, Lost):  # Lost: it was deleted just now
        return Level.NO_ACCESS
    finally:
        leave_run(token)


def call_in_thread(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Return what the function returns."""
    return function(*arguments)


def _discard(addressees: Addressees, data: bytes) -> None:
    """Send nothing: a decision is no walk."""
