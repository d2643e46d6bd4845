"""SqlStore: users, services, webhook keys and tasks, as every SQL engine keeps them, and what it seldom asks of the graph.

An engine says how it reads and writes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from walkwire.store import (
    EdgeRecord,
    NodeRecord,
    Search,
    ServiceRecord,
    TaskEnd,
    TaskRecord,
    UserKey,
    UserRecord,
    WebhookKey,
)
from walkwire.stores.sql import services, tasks, view, webhooks

Result = TypeVar("Result")


class SqlStore(ABC):
    """The parts of a store that are no graph, and rare reads of the graph. See `walkwire.store` for what they promise."""

    is_shared = True
    is_one_moment = False

    @abstractmethod
    def _run_read(self, work: Callable[[Connection], Result]) -> Result:
        """Do what only reads."""

    @abstractmethod
    def _run_write(self, work: Callable[[Connection], Result]) -> Result:
        """Do it in a transaction, and commit unless it raises."""

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        return self._run_read(lambda connection: view.SqlView(connection).search_nodes(search))

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        return self._run_read(lambda connection: view.SqlView(connection).search_edges(search))

    def load_task(self, id: str) -> TaskRecord | None:
        return self._run_read(lambda connection: view.SqlView(connection).load_task(id))

    def load_user(self, key: UserKey) -> UserRecord | None:
        return self._run_read(lambda connection: view.SqlView(connection).load_user(key))

    def add_user(self, user: UserRecord) -> None:
        self._run_write(lambda connection: view.add_user(connection, user))

    def user_by_email(self, email: str) -> UserRecord | None:
        return self._run_read(lambda connection: view.user_by(connection, email_key=email.casefold()))

    def user_by_id(self, user_id: str) -> UserRecord | None:
        return self._run_read(lambda connection: view.user_by(connection, id=user_id))

    def user_by_root(self, root_id: str) -> UserRecord | None:
        return self._run_read(lambda connection: view.user_by(connection, root_id=root_id))

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        return self._run_write(lambda connection: view.change_password(connection, user_id, old, new))

    def add_service(self, service: ServiceRecord) -> None:
        self._run_write(lambda connection: services.add(connection, service))

    def services(self) -> list[ServiceRecord]:
        return self._run_read(services.every)

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        return self._run_read(lambda connection: services.by_digest(connection, digest))

    def remove_service(self, name: str) -> bool:
        return self._run_write(lambda connection: services.remove(connection, name))

    def add_webhook_key(self, key: WebhookKey) -> None:
        self._run_write(lambda connection: webhooks.add(connection, key))

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        return self._run_read(lambda connection: webhooks.of(connection, root_id))

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        return self._run_write(lambda connection: webhooks.extend(connection, root_id, id, seconds))

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        return self._run_write(lambda connection: webhooks.remove(connection, root_id, ids))

    def begin_tasks(self, server: str, now: float, alive_until: float, limit: int) -> list[TaskRecord]:
        return self._run_write(lambda connection: tasks.begin(connection, server, now, alive_until, limit))

    def next_task(self) -> float | None:
        return self._run_read(tasks.next_due)

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        self._run_write(lambda connection: tasks.keep(connection, server, ids, alive_until))

    def end_task(self, end: TaskEnd) -> bool:
        return self._run_write(lambda connection: tasks.end(connection, end))

    def forget_task(self, id: str) -> None:
        self._run_write(lambda connection: tasks.forget(connection, id))

    def abandon_tasks(self, now: float, error: str) -> int:
        return self._run_write(lambda connection: tasks.abandon(connection, now, error))
