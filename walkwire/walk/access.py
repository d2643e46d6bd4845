"""Access: who may read, connect and write (`docs/protocol.md`, "Rights on the graph"). `walk/graph/rights` applies it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum, IntEnum
from typing import NamedTuple, TypedDict, cast

from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.store import NodeRecord


class Level(IntEnum):
    """What a root may do with a node; each level includes those below it."""

    NO_ACCESS = -1
    READ = 0
    CONNECT = 1
    WRITE = 2

    @classmethod
    def of(cls, level: object) -> Level:
        """Return the level that is given by number, by name in any case, or as Jac's `ReadPerm`. Raises ValueError."""
        if isinstance(level, Enum):
            level = level.value
        if isinstance(level, str):
            try:
                return cls[level.strip().upper()]
            except KeyError:
                raise ValueError(f"Not a level: {level!r}; one of {', '.join(cls.__members__)}") from None
        return cls(cast("int", level))


class Grants(TypedDict, total=False):
    """The grants on one node: the level of everybody, and levels of single roots by id. Replaced as a whole, never changed."""

    all: int
    roots: dict[str, int]


def level_without_grants(caller: str, owner: str) -> Level | None:
    """Return WRITE for the owner, for the system, and on the public graph; None if grants decide."""
    if caller in (owner, SYSTEM_ROOT) or owner in (PUBLIC_ROOT, ""):
        return Level.WRITE
    return None


def level_by_grants(caller: str, node: Grants | None, owner_root: Grants | None) -> Level:
    """Return the level that grants on a node and on its owner's root give to the caller.

    It is the larger of what both give to everybody. A grant to the caller on the root replaces that, one on the node both.
    """
    level = max(_to_everybody(node), _to_everybody(owner_root))
    level = _to_root(owner_root, caller, level)
    return _to_root(node, caller, level)


def granted(grants: Grants | None, root_id: str | None, level: Level | None) -> Grants:
    """Return a copy of the grants in which `root_id` (None: everybody) has this level, or (`level` None) no grant."""
    everybody, roots = _to_everybody(grants), dict(_roots(grants))
    if root_id is None:
        everybody = Level.NO_ACCESS if level is None else level
    elif level is None:
        roots.pop(root_id, None)
    else:
        roots[root_id] = int(level)
    return {"all": int(everybody), "roots": roots}


def grants_of(everybody: Level, roots: dict[str, Level]) -> Grants:
    """Return the grants that give these levels, and no others: the inverse of `levels`."""
    return {"all": int(everybody), "roots": {id: int(level) for id, level in roots.items()}}


def levels(grants: Grants | None) -> tuple[Level, dict[str, Level]]:
    """Return the level of everybody, and the levels of single roots by id."""
    return _to_everybody(grants), {id: Level(level) for id, level in _roots(grants).items()}


def encode_grants(grants: Grants | None) -> str | None:
    """Return grants as JSON text for the store."""
    return None if grants is None else json.dumps(grants, separators=(",", ":"), sort_keys=True)


def decode_grants(text: str | None) -> Grants | None:
    """Return grants from their text in the store."""
    return None if text is None else cast("Grants", json.loads(text))


class RightsChange(NamedTuple):
    """What a commit did to a node whose rights it may have changed. `version` 0: it was deleted, and nothing else is known."""

    id: str
    version: int = 0
    kind: str = ""
    owner: str = ""
    access: str | None = None


def encode_changes(nodes: Iterable[NodeRecord | str]) -> bytes:
    """Return a message about these nodes: records before the commit, which increments their version, and ids of deleted ones."""
    changes = [
        [node] if isinstance(node, str) else [node.id, node.version + 1, node.kind, node.owner, node.access]
        for node in nodes
    ]
    return json.dumps(changes, separators=(",", ":")).encode()


def decode_changes(message: bytes) -> list[RightsChange]:
    """Return the changes in a message. Raises ValueError, TypeError if it is none."""
    return [RightsChange(*change) for change in json.loads(message)]


def _to_everybody(grants: Grants | None) -> Level:
    return Level(grants.get("all", Level.NO_ACCESS)) if grants else Level.NO_ACCESS


def _roots(grants: Grants | None) -> dict[str, int]:
    return grants.get("roots", {}) if grants else {}


def _to_root(grants: Grants | None, root_id: str, otherwise: Level) -> Level:
    level = _roots(grants).get(root_id)
    return otherwise if level is None else Level(level)
