"""Root: the node at which a user's graph begins. Callers who have not signed in share the public root."""

from __future__ import annotations

from walkwire.ids import parse_root
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.archetypes.handle import Handle
from walkwire.walk.archetypes.node import Node
from walkwire.walk.registry import stored_without_name


@stored_without_name
class Root(Node):
    """A user's root. It has no fields and is created with the user."""


def root_id_of(root: object) -> str:
    """Return the id of a root that is given as a node, an anchor, a handle, a reference or an id. Raises BadReference."""
    if isinstance(root, Node):
        return root.__jac__.id
    return root.id if isinstance(root, Handle | Anchor) else parse_root(root)
