"""walkwire: programs that walk a persistent graph, served over REST and one WebSocket."""

from walkwire.dialect.context import get_context as get_context
from walkwire.dialect.user import BaseUser as BaseUser
from walkwire.errors import PublicError as PublicError
from walkwire.walk.archetypes.edge import Edge as Edge
from walkwire.walk.archetypes.node import Node as Node
from walkwire.walk.archetypes.root import Root as Root
from walkwire.walk.authorize import authorize as authorize
from walkwire.walk.authorize import presence_info as presence_info
from walkwire.walk.walker.ability import on_entry as on_entry
from walkwire.walk.walker.ability import on_exit as on_exit
from walkwire.walk.walker.notify import socket as WEBSOCKET_MANAGER  # noqa: N812 - the seed's word
from walkwire.walk.walker.notify import socket as socket
from walkwire.walk.walker.specs import specs as specs
from walkwire.walk.walker.task import create_task as create_task
from walkwire.walk.walker.verbs import after_commit as after_commit
from walkwire.walk.walker.verbs import allow_root as allow_root
from walkwire.walk.walker.verbs import commit as commit
from walkwire.walk.walker.verbs import current_client as current_client
from walkwire.walk.walker.verbs import delete as delete
from walkwire.walk.walker.verbs import disallow_root as disallow_root
from walkwire.walk.walker.verbs import jid as jid
from walkwire.walk.walker.verbs import jobj as jobj
from walkwire.walk.walker.verbs import perm_grant as perm_grant
from walkwire.walk.walker.verbs import perm_revoke as perm_revoke
from walkwire.walk.walker.verbs import root as root
from walkwire.walk.walker.verbs import save as save
from walkwire.walk.walker.walker import Walker as Walker

__all__ = [
    "WEBSOCKET_MANAGER",
    "BaseUser",
    "Edge",
    "Node",
    "PublicError",
    "Root",
    "Walker",
    "after_commit",
    "allow_root",
    "authorize",
    "commit",
    "create_task",
    "current_client",
    "delete",
    "disallow_root",
    "get_context",
    "jid",
    "jobj",
    "on_entry",
    "on_exit",
    "perm_grant",
    "perm_revoke",
    "presence_info",
    "root",
    "save",
    "socket",
    "specs",
]
