"""Names: what a Jac program uses without an import, or imports from `jaclang.*` and `jac_cloud.*`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import NoReturn

from walkwire.dialect import machine
from walkwire.dialect.anchors import BaseAnchor as BaseAnchor
from walkwire.dialect.anchors import EdgeAnchor as EdgeAnchor
from walkwire.dialect.anchors import JaseciContext as JaseciContext
from walkwire.dialect.anchors import NodeAnchor as NodeAnchor
from walkwire.dialect.anchors import ObjectAnchor as ObjectAnchor
from walkwire.dialect.anchors import WalkerAnchor as WalkerAnchor
from walkwire.dialect.anchors import reset_graph as reset_graph
from walkwire.dialect.context import get_context as get_context
from walkwire.dialect.operators import connect as connect
from walkwire.dialect.operators import destroy as destroy
from walkwire.dialect.operators import disconnect as disconnect
from walkwire.dialect.operators import disengage as disengage
from walkwire.dialect.operators import spawn as spawn
from walkwire.dialect.operators import visit as visit
from walkwire.dialect.printgraph import dotgen as dotgen
from walkwire.dialect.printgraph import printgraph as printgraph
from walkwire.dialect.stand_ins import FastAPI as FastAPI
from walkwire.dialect.stand_ins import random_string as random_string
from walkwire.dialect.stand_ins import utc_datetime as utc_datetime
from walkwire.dialect.stand_ins import utc_datetime_iso as utc_datetime_iso
from walkwire.dialect.stand_ins import utc_timestamp as utc_timestamp
from walkwire.dialect.user import NO_PASSWORD as NO_PASSWORD
from walkwire.dialect.user import BaseUser as BaseUser
from walkwire.dialect.user import SendGridEmailer as SendGridEmailer
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.walk.access import Level
from walkwire.walk.archetypes.edge import Edge as Edge
from walkwire.walk.archetypes.edge import GenericEdge as GenericEdge
from walkwire.walk.archetypes.handle import resolve
from walkwire.walk.archetypes.node import Graph as _Graph
from walkwire.walk.archetypes.node import Node as Node
from walkwire.walk.archetypes.obj import Obj as Obj
from walkwire.walk.archetypes.root import Root as Root
from walkwire.walk.current import current
from walkwire.walk.walker.ability import on_entry as on_entry
from walkwire.walk.walker.ability import on_exit as on_exit
from walkwire.walk.walker.notify import socket as socket
from walkwire.walk.walker.specs import specs as specs
from walkwire.walk.walker.task import create_task as create_task
from walkwire.walk.walker.verbs import allow_root as allow_root
from walkwire.walk.walker.verbs import commit as commit
from walkwire.walk.walker.verbs import disallow_root as disallow_root
from walkwire.walk.walker.verbs import jid as jid
from walkwire.walk.walker.verbs import jobj as jobj
from walkwire.walk.walker.verbs import perm_grant as perm_grant
from walkwire.walk.walker.verbs import perm_revoke as perm_revoke
from walkwire.walk.walker.verbs import root as root
from walkwire.walk.walker.verbs import save as save
from walkwire.walk.walker.walker import Walker as Walker


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
SUPER_ROOT_ID, PUBLIC_ROOT_ID = SYSTEM_ROOT, PUBLIC_ROOT
logger = logging.getLogger("walkwire.program")
grant = perm_grant
revoke = perm_revoke


def log_report(value: object, custom: bool = False) -> None:
    """Report a value from the walk in progress; with `custom` it replaces the whole body."""
    answer = current().answer
    if custom:
        answer.custom = value
    else:
        answer.reports.append(value)


def almostEqual(first: float, second: float, places: int = 7) -> bool:  # noqa: N802 - Jac's word in its tests
    """Return whether the difference of two numbers is 0 when rounded to `places`."""
    return round(abs(first - second), places) == 0


def allroots() -> list[Node]:
    """Return the roots of all users. The system's root is left out, unless the system is the caller."""
    graph: _Graph = current().graph
    mine = graph.root()
    return [root for root in graph.roots() if root is mine or root.__jac__.id != SYSTEM_ROOT]


def _allows(level: Level) -> Callable[[object], bool]:
    def is_allowed(given: object, *_: object, **__: object) -> bool:
        """Return whether the caller has this level on a node, an edge or an object, also given as an anchor or a handle."""
        archetype = resolve(given)
        return archetype is not None and current().graph.level(archetype) >= level

    return is_allowed


class _Advising(type):
    """Raise AttributeError for functions of Jac's machine that are not supported, with advice."""

    def __getattr__(cls, name: str) -> NoReturn:
        advice = {"get_edges": ": use [edge x-->], or x.edges() in Python"}.get(name, "")
        raise AttributeError(f"walkwire has no counterpart for Jac.{name}{advice}", name=name)


class Jac(metaclass=_Advising):
    """Jac's machine: `Jac.get_context().status = 404`, `Jac.save(x)`, `JacMachine.get().list_modules()`."""

    root = get_root = staticmethod(root)
    get_context = context = staticmethod(get_context)
    save = staticmethod(save)
    destroy = staticmethod(destroy)
    commit = staticmethod(commit)
    reset_graph = staticmethod(reset_graph)
    object_ref = staticmethod(jid)
    get_object = staticmethod(jobj)
    get_all_root = staticmethod(allroots)
    report = log_report = staticmethod(log_report)
    perm_grant = unrestrict = staticmethod(perm_grant)
    perm_revoke = restrict = staticmethod(perm_revoke)
    allow_root = staticmethod(allow_root)
    disallow_root = staticmethod(disallow_root)
    check_read_access = staticmethod(_allows(Level.READ))
    check_connect_access = staticmethod(_allows(Level.CONNECT))
    check_write_access = staticmethod(_allows(Level.WRITE))
    spawn = staticmethod(spawn)
    visit = staticmethod(visit)
    disengage = staticmethod(disengage)
    connect = staticmethod(connect)
    disconnect = staticmethod(disconnect)
    printgraph = node_dot = staticmethod(printgraph)
    dotgen = staticmethod(dotgen)
    list_modules = staticmethod(machine.list_modules)
    list_walkers = staticmethod(machine.list_walkers)
    list_nodes = staticmethod(machine.list_nodes)
    list_edges = staticmethod(machine.list_edges)
    get_archetype = get_architype = staticmethod(machine.get_archetype)
    spawn_node = staticmethod(machine.spawn_node)
    spawn_walker = staticmethod(machine.spawn_walker)
    update_walker = staticmethod(machine.update_walker)
    create_archetype_from_source = create_architype_from_source = staticmethod(
        machine.create_archetype_from_source
    )

    @classmethod
    def get(cls, *_: object, **__: object) -> type[Jac]:
        """Return the machine of 0.7, where programs call its functions through `JacMachine.get()`."""
        return _Machine07


class _Machine07(Jac):
    """The machine of 0.7: lists of classes include the base classes."""

    list_walkers = staticmethod(partial(machine.list_walkers, bases=("Walker",)))
    list_nodes = staticmethod(partial(machine.list_nodes, bases=("Node", "Root")))
    list_edges = staticmethod(partial(machine.list_edges, bases=("Edge",)))


_ = Jac
