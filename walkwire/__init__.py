"""walkwire: programs that walk a persistent graph, served over REST and one WebSocket."""

from walkwire.errors import PublicError as PublicError
from walkwire.walk.ability import on_entry as on_entry
from walkwire.walk.ability import on_exit as on_exit
from walkwire.walk.context import get_context as get_context
from walkwire.walk.edge import Edge as Edge
from walkwire.walk.node import Node as Node
from walkwire.walk.notify import socket as WEBSOCKET_MANAGER  # noqa: N812 - the seed's word
from walkwire.walk.notify import socket as socket
from walkwire.walk.root import Root as Root
from walkwire.walk.specs import specs as specs
from walkwire.walk.user import BaseUser as BaseUser
from walkwire.walk.verbs import after_commit as after_commit
from walkwire.walk.verbs import commit as commit
from walkwire.walk.verbs import delete as delete
from walkwire.walk.verbs import jid as jid
from walkwire.walk.verbs import jobj as jobj
from walkwire.walk.verbs import perm_grant as perm_grant
from walkwire.walk.verbs import perm_revoke as perm_revoke
from walkwire.walk.verbs import root as root
from walkwire.walk.verbs import save as save
from walkwire.walk.walker import Walker as Walker

__all__ = [
    "WEBSOCKET_MANAGER",
    "BaseUser",
    "Edge",
    "Node",
    "PublicError",
    "Root",
    "Walker",
    "after_commit",
    "commit",
    "delete",
    "get_context",
    "jid",
    "jobj",
    "on_entry",
    "on_exit",
    "perm_grant",
    "perm_revoke",
    "root",
    "save",
    "socket",
    "specs",
]
