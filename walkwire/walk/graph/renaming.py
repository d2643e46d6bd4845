"""Renaming: stored records under new names of fields and classes, and whether a record fits its class. For `walkwire migrate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from walkwire.errors import RecordError
from walkwire.walk.archetype import Archetype
from walkwire.walk.archetypes.edge import GenericEdge
from walkwire.walk.archetypes.node import stored_edge_class
from walkwire.walk.graph.codec import bare, codec_of
from walkwire.walk.graph.kind import kept_as
from walkwire.walk.registry import Registry


class Renames(NamedTuple):
    """New names.

    - fields: by the name of the class that records have now, and the old name of the field
    - classes: by the old name: of nodes, edges, objects and walkers
    """

    fields: Mapping[tuple[str, str], str]
    classes: Mapping[str, str]


def renamed(kind: str, data: str, renames: Renames) -> tuple[str, str]:
    """Return the kind and the data of a record under the new names. A record that has them already stays as it is.

    A field is not renamed if the record has a value under the new name.
    """
    family, _, name = kept_as(kind)
    mark = {"obj": "o:", "walker": "w:"}.get(family, "")
    name = renames.classes.get(name, name)
    values = json.loads(data)
    changed = _inside(_fields(name, values, renames), renames)
    return f"{mark}{name}", data if changed == values else json.dumps(changed, ensure_ascii=False)


def _fields(name: str, values: dict[str, Any], renames: Renames) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        new = renames.fields.get((name, key), key)
        found[key if new in values else new] = value
    return found


def _inside(value: Any, renames: Renames) -> Any:
    """Return a value in which objects have the new names, too."""
    if isinstance(value, list):
        return [_inside(one, renames) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$obj"), str):
        name = renames.classes.get(value["$obj"], value["$obj"])
        value = _fields(name, {**value, "$obj": name}, renames)
    return {key: _inside(one, renames) for key, one in value.items()}


def misfit(registry: Registry, kind: str, id: str, data: str, is_edge: bool) -> str | None:
    """Return why a record does not fit its class; None if it does."""
    cls: type[Archetype]
    if is_edge:
        cls, name = stored_edge_class(registry, kind), kind
        if kind and cls is GenericEdge:
            return f"e:{kind}:{id}: the program has no class {kind}"
    else:
        family, base, name = kept_as(kind)
        found = registry.find(family, name) if name else None
        if name and found is None:
            return f"{kind}:{id}: the program has no class {name}"
        cls = found or base
    twin: Archetype = bare(cls)
    twin.__jac__.id, twin.__jac__.kind = id, name
    try:
        codec_of(cls).fit(twin, data)
    except RecordError as error:
        return str(error)
    return None
