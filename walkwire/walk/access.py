"""Access: who may read, connect and write (`docs/protocol.md`, "Rights on the graph"). Decides; `walk/graph/graph` asks."""

from __future__ import annotations

import json
from enum import Enum, IntEnum
from typing import Any

from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT

_EVERYBODY, _ROOTS = "all", "roots"


class Level(IntEnum):
    """What a root may do with a node; each level includes those below it."""

    NO_ACCESS = -1
    READ = 0
    CONNECT = 1
    WRITE = 2

    @classmethod
    def of(cls, level: Any) -> Level:
        """A level by number, by name in any case, or as Jac's `ReadPerm`. Raises ValueError."""
        level = level.value if isinstance(level, Enum) else level
        if isinstance(level, str):
            try:
                return cls[level.strip().upper()]
            except KeyError:
                raise ValueError(f"Not a level: {level!r}; one of {', '.join(cls.__members__)}") from None
        return cls(level)


Grants = dict[str, Any]


def level_without_grants(caller: str, owner: str) -> Level | None:
    """WRITE on one's own, for the system, and on the public graph; None where grants decide."""
    if caller in (owner, SYSTEM_ROOT) or owner in (PUBLIC_ROOT, ""):
        return Level.WRITE
    return None


def level_by_grants(caller: str, node: Grants | None, owner_root: Grants | None) -> Level:
    """The larger of what node and owner's root give to everybody; a grant to the caller on the root replaces that, one on the
    node replaces both."""
    level = max(_to_everybody(node), _to_everybody(owner_root))
    level = _to_root(owner_root, caller, level)
    return _to_root(node, caller, level)


def granted(grants: Grants | None, root_id: str | None, level: Level | None) -> Grants:
    """Grants with one more, or (`level` None) one less: to `root_id`, or to everybody where that is None."""
    everybody, roots = _to_everybody(grants), dict((grants or {}).get(_ROOTS, {}))
    if root_id is None:
        everybody = Level.NO_ACCESS if level is None else level
    elif level is None:
        roots.pop(root_id, None)
    else:
        roots[root_id] = int(level)
    return {_EVERYBODY: int(everybody), _ROOTS: roots}


def grants_of(everybody: Level, roots: dict[str, Level]) -> Grants:
    """Grants that are just these: the other way round from `levels`."""
    return {_EVERYBODY: int(everybody), _ROOTS: {id: int(level) for id, level in roots.items()}}


def levels(grants: Grants | None) -> tuple[Level, dict[str, Level]]:
    """What grants give: to everybody, and to single roots by id."""
    roots = (grants or {}).get(_ROOTS, {})
    return _to_everybody(grants), {id: Level(level) for id, level in roots.items()}


def encode_grants(grants: Grants | None) -> str | None:
    """Grants as the store keeps them."""
    return None if grants is None else json.dumps(grants, separators=(",", ":"), sort_keys=True)


def decode_grants(text: str | None) -> Grants | None:
    """Grants from the store."""
    return None if text is None else json.loads(text)


def _to_everybody(grants: Grants | None) -> Level:
    return Level((grants or {}).get(_EVERYBODY, Level.NO_ACCESS))


def _to_root(grants: Grants | None, root_id: str, otherwise: Level) -> Level:
    level = (grants or {}).get(_ROOTS, {}).get(root_id)
    return otherwise if level is None else Level(level)
