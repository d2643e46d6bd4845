"""Store: everything that one database has to store. Guarantee: its parts share one set of transactions."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from walkwire.store.archive import ArchiveStore
from walkwire.store.graph import GraphStore
from walkwire.store.keyed_call import KeyedCallStore
from walkwire.store.record import RecordPages
from walkwire.store.service import ServiceStore
from walkwire.store.session import SessionStore, TicketStore
from walkwire.store.streams import StreamStore
from walkwire.store.task import TaskStore
from walkwire.store.user import IdentityStore, UserStore
from walkwire.store.webhook import WebhookStore


class StoreLoad(NamedTuple):
    """How many connections to the database are in use and open beside these, and how many calls wait for one, or to write."""

    busy: int
    idle: int
    waiting: int


class Store(
    GraphStore,
    UserStore,
    SessionStore,
    IdentityStore,
    ServiceStore,
    WebhookStore,
    TicketStore,
    TaskStore,
    StreamStore,
    KeyedCallStore,
    RecordPages,
    ArchiveStore,
    Protocol,
):
    """One database for the graph, users, their sessions and identities, services, webhook keys, used tickets, tasks, keyed calls
    and streams."""

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be stored at the moment, half a sentence for load balancers; None: it can, as far as is known.

        A store that reports trouble finds out by itself when it is over.
        """

    @property
    def load(self) -> StoreLoad:
        """Return what is in use now. A hint: other threads go on meanwhile."""
