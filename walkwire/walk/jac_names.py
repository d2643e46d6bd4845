"""Jac's names: what a Jac program uses without an import, or imports from `jaclang.*` and `jac_cloud.*`."""

from __future__ import annotations

from enum import Enum
from typing import Any

from walkwire.walk.ability import on_entry as on_entry
from walkwire.walk.ability import on_exit as on_exit
from walkwire.walk.access import Level
from walkwire.walk.context import current
from walkwire.walk.context import get_context as get_context
from walkwire.walk.edge import Edge as Edge
from walkwire.walk.edge import GenericEdge as GenericEdge
from walkwire.walk.node import Node as Node
from walkwire.walk.notify import socket as socket
from walkwire.walk.obj import Obj as Obj
from walkwire.walk.operators import connect as connect
from walkwire.walk.operators import destroy as destroy
from walkwire.walk.operators import disconnect as disconnect
from walkwire.walk.operators import spawn as spawn
from walkwire.walk.operators import visit as visit
from walkwire.walk.root import Root as Root
from walkwire.walk.specs import specs as specs
from walkwire.walk.verbs import allow_root as allow_root
from walkwire.walk.verbs import commit as commit
from walkwire.walk.verbs import disallow_root as disallow_root
from walkwire.walk.verbs import jid as jid
from walkwire.walk.verbs import jobj as jobj
from walkwire.walk.verbs import perm_grant as perm_grant
from walkwire.walk.verbs import perm_revoke as perm_revoke
from walkwire.walk.verbs import root as root
from walkwire.walk.verbs import save as save
from walkwire.walk.walker import Walker as Walker


class AccessLevelEnum(Enum):
    """Jac's names for what may be done with a node."""

    NO_ACCESS = "NO_ACCESS"
    READ = "READ"
    CONNECT = "CONNECT"
    WRITE = "WRITE"


NoPerm = AccessLevelEnum.NO_ACCESS
ReadPerm = AccessLevelEnum.READ
ConnectPerm = AccessLevelEnum.CONNECT
WritePerm = AccessLevelEnum.WRITE

AccessLevel = Level
grant = perm_grant
revoke = perm_revoke


def log_report(value: Any, custom: bool = False) -> None:
    """`report` as a function; with `custom` the value becomes the whole body."""
    walk = current()
    if custom:
        walk.custom = value
    else:
        walk.reports.append(value)


def disengage(walker: Walker) -> None:
    """End the walk of a walker."""
    walker.disengage()


def allroots() -> list[Any]:
    """Every user's root that the one who walks may read."""
    graph = current().graph
    return [graph.root()]


class Jac:
    """Jac's machine by its name: `Jac.get_context().status = 404`, `Jac.save(x)`."""

    root = get_root = staticmethod(root)
    get_context = context = staticmethod(get_context)
    save = staticmethod(save)
    destroy = staticmethod(destroy)
    commit = staticmethod(commit)
    object_ref = staticmethod(jid)
    get_object = staticmethod(jobj)
    report = log_report = staticmethod(log_report)
    perm_grant = unrestrict = staticmethod(perm_grant)
    perm_revoke = restrict = staticmethod(perm_revoke)
    allow_root = staticmethod(allow_root)
    disallow_root = staticmethod(disallow_root)
    spawn = staticmethod(spawn)
    visit = staticmethod(visit)
    disengage = staticmethod(disengage)
    connect = staticmethod(connect)
    disconnect = staticmethod(disconnect)
