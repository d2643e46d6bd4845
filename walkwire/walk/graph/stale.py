"""Stale: archetypes that a walk holds when it begins another unit of work. The first use of a field reads them again.

The fields of a stale archetype are moved from its dictionary to its anchor, where `walk/archetypes/watched` finds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from walkwire.walk.archetype import SEALED, AnchorGraph, Archetype
from walkwire.walk.archetypes.watched import own_fields, watch, watch_fields
from walkwire.walk.graph.codec import codec_of

_PLAIN = (str, int, float, bool, type(None), bytes)


def make_stale(archetype: Archetype) -> None:
    """Move the fields of an archetype to its anchor: their next use reads them again."""
    anchor, cls = archetype.__jac__, type(archetype)
    names = codec_of(cls).names
    watch(cls, names)
    own = own_fields(archetype)
    if anchor.values is not SEALED:
        anchor.values = own.copy()
    for name in names:
        own.pop(name, None)
    watch_fields(archetype, own)
    anchor.is_stale = True
    anchor.is_guarded = True  # so that the first assignment looks it up as well


def restore(archetype: Archetype) -> None:
    """Move the fields back. Fields that were assigned meanwhile keep their new values."""
    anchor = archetype.__jac__
    own = anchor.values | own_fields(archetype)
    if anchor.deferred is not None:
        watch_fields(archetype, own)
    else:
        object.__setattr__(archetype, "__dict__", own)
    anchor.is_stale = False


def is_touched(archetype: Archetype) -> bool:
    """Return whether a stale archetype was changed without being read: by an assignment, or inside a list that a field holds."""
    anchor, codec = archetype.__jac__, codec_of(type(archetype))
    own = vars(archetype)
    if any(dict.__contains__(own, name) for name in codec.names):
        return True
    if all(isinstance(value, _PLAIN) for value in anchor.values.values()):
        return False
    data = codec.encode(archetype, anchor.values)
    return data != anchor.stored and data != codec.rewritten(archetype)


def stale_in(values: object, graph: AnchorGraph) -> Iterator[Archetype]:
    """Yield the stale archetypes of a graph that are in lists and dictionaries."""
    if isinstance(values, Archetype):
        if values.__jac__.is_stale and values.__jac__.graph is graph:
            yield values
    elif isinstance(values, list | tuple | set | frozenset):
        for value in values:
            yield from stale_in(value, graph)
    elif isinstance(values, Mapping):
        yield from stale_in(list(values.values()), graph)
