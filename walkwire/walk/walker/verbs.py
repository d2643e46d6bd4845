"""Verbs: the functions with which a program uses the run in progress. All raise RuntimeError outside of a walk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from walkwire.ids import parse_reference
from walkwire.walk.access import Level
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.handle import resolve
from walkwire.walk.archetypes.root import root_id_of
from walkwire.walk.current import current


def root() -> Any:
    """Return the root of the user who walks. Callers who are not signed in share the public root."""
    return current().graph.root()


def jid(archetype: Archetype) -> str:
    """Return the reference of a node, edge, walker or object, such as `n:Message:672b35cec309e5ef8469c372`."""
    return reference_of(archetype)


def jobj(id: str) -> Any:
    """Return the record that a reference names (Jac's `&`). None if there is none, or if the caller may not read it.

    A reference without a class name (`n::…`, or bare digits) returns the handle of a root, without a query and without a check.
    An ability that fails because it uses the None as if it were a node ends with NoAccess. Raises BadReference for a text that
    is no reference.
    """
    reference = parse_reference(id)
    if reference.kind == "n" and not reference.name:
        return current().graph.root(reference.id)
    run = current()
    found = run.graph.find(reference.id)
    if found is None:
        run.missed = str(reference)
    return found


def current_client() -> str | None:
    """Return the id of the connection whose event this walk answers; None over REST and in tasks."""
    return current().client_id


def save(archetype: Archetype) -> None:
    """Store a new node with the next commit, even if no stored node is joined to it."""
    current().graph.save(resolve(archetype))


def delete(archetype: Archetype) -> None:
    """Delete a node with its edges, or an edge. Raises NoAccess without the right to."""
    current().graph.delete(resolve(archetype))


def commit(archetype: object = None) -> None:
    """Commit the changes so far. What follows is a unit of work of its own.

    Raises Conflict if other walks changed what this walk read. Before its first commit the walk is retried instead; after that
    it is never retried. `archetype` is accepted for compatibility, and has no effect.
    """
    current().commit()


def after_commit(function: Callable[[], object]) -> None:
    """Call `function` right after the commit of the changes so far; at once if nothing is uncommitted."""
    run = current()
    if run.graph.is_dirty():
        run.after_commit.append(function)
    else:
        function()


def perm_grant(node: Archetype, level: Any = Level.READ) -> None:
    """Give everybody an access level for a node: NO_ACCESS, READ, CONNECT or WRITE, by number or name."""
    current().graph.grant(resolve(node), None, Level.of(level))


def perm_revoke(node: Archetype) -> None:
    """Remove the access level that everybody was given for a node."""
    current().graph.grant(resolve(node), None, None)


def allow_root(node: Archetype, root: Any, level: Any = Level.READ) -> None:
    """Give one user an access level for a node. `root` is the user's root, as a node, a reference or an id."""
    current().graph.grant(resolve(node), root_id_of(root), Level.of(level))


def disallow_root(node: Archetype, root: Any, level: Any = None) -> None:
    """Remove the access level that one user was given for a node. `level` is accepted for compatibility, without effect."""
    current().graph.grant(resolve(node), root_id_of(root), None)
