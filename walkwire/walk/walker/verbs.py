"""Verbs: what a program says to the walk in progress, one short word each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from walkwire.ids import parse_reference
from walkwire.walk.access import Level
from walkwire.walk.archetype import Archetype, reference_of
from walkwire.walk.archetypes.handle import resolve
from walkwire.walk.archetypes.root import root_id_of
from walkwire.walk.context import current


def root() -> Any:
    """The root of the user who walks; for all who have not signed in, the public root."""
    return current().graph.root()


def jid(archetype: Archetype) -> str:
    """The reference of a node, edge, walker or object: `n:Message:672b35cec309e5ef8469c372`."""
    return reference_of(archetype)


def jobj(id: str) -> Any:
    """What a reference names (Jac's `&`).

    A reference without a class name (`n::…`, or the bare digits) gives a root's handle, without a query and without a check.
    Any other: None where it is absent or may not be read; an ability that then fails because it uses this None as if it were a
    node ends with NoAccess. Raises BadReference for what is no reference.
    """
    reference = parse_reference(id)
    if reference.kind == "n" and not reference.name:
        return current().graph.root(reference.id)
    walk = current()
    found = walk.graph.find(reference.id)
    if found is None:
        walk.missed = str(reference)
    return found


def save(archetype: Archetype) -> None:
    """Keep a new node although nothing that is stored is joined to it."""
    current().graph.save(resolve(archetype))


def delete(archetype: Archetype) -> None:
    """Remove a node with its edges, or an edge. Raises NoAccess without the right to."""
    current().graph.delete(resolve(archetype))


def commit(archetype: object = None) -> None:
    """Write what was changed so far; what follows is a unit of its own. A walk that has committed is never run again.

    Raises Conflict where others changed what the walk read (before its first commit the walk is then run again instead).
    `archetype` is taken and ignored, as Jac's programs give it.
    """
    current().commit()


def after_commit(function: Callable[[], object]) -> None:
    """Call `function` once what was changed so far is committed; at once where nothing is uncommitted."""
    walk = current()
    if walk.graph.is_dirty():
        walk.after.append(function)
    else:
        function()


def perm_grant(node: Archetype, level: Any = Level.READ) -> None:
    """Let everybody do with a node what `level` says: NO_ACCESS, READ, CONNECT or WRITE, by number or name."""
    current().graph.grant(resolve(node), None, Level.of(level))


def perm_revoke(node: Archetype) -> None:
    """Take back what was granted to everybody."""
    current().graph.grant(resolve(node), None, None)


def allow_root(node: Archetype, root: Any, level: Any = Level.READ) -> None:
    """Let one user do with a node what `level` says: the user's root as a node, a reference or an id."""
    current().graph.grant(resolve(node), root_id_of(root), Level.of(level))


def disallow_root(node: Archetype, root: Any, level: Any = None) -> None:
    """Take back what was granted to one user. `level` is taken and ignored, as Jac's programs give it."""
    current().graph.grant(resolve(node), root_id_of(root), None)
