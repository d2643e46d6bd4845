"""Store: everything that one database has to store. Guarantee: its parts share one set of transactions."""

from __future__ import annotations

from typing import Protocol

from walkwire.store.graph import GraphStore
from walkwire.store.identity import IdentityStore
from walkwire.store.service import ServiceStore
from walkwire.store.session import SessionStore
from walkwire.store.task import TaskStore
from walkwire.store.ticket import TicketStore
from walkwire.store.user import UserStore
from walkwire.store.webhook import WebhookStore


class Store(
    GraphStore,
    UserStore,
    SessionStore,
    IdentityStore,
    ServiceStore,
    WebhookStore,
    TicketStore,
    TaskStore,
    Protocol,
):
    """One database for the graph, users, their sessions and identities, services, webhook keys, used tickets and tasks."""

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be stored at the moment, half a sentence for load balancers; None: it can, as far as is known.

        A store that reports trouble finds out by itself when it is over.
        """
