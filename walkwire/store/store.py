"""Store: one database that holds all of it."""

from __future__ import annotations

from typing import Protocol

from walkwire.store.graph import GraphStore
from walkwire.store.service import ServiceStore
from walkwire.store.task import TaskStore
from walkwire.store.user import UserStore
from walkwire.store.webhook import WebhookStore


class Store(GraphStore, UserStore, ServiceStore, WebhookStore, TaskStore, Protocol):
    """One database that holds all of it."""
