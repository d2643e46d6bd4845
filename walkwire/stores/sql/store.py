"""Store: the base of every SQL store: users, services, webhook keys, used tickets, tasks, keyed calls, and searches of the graph.

An engine's own store adds the other graph calls, and says how a read and a write are run (`_run_read`, `_run_write`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from sqlalchemy import Connection

from walkwire.store import (
    ArchivedRecord,
    EdgeRecord,
    NodeRecord,
    RecordTable,
    Search,
    ServiceRecord,
    SessionRecord,
    StoredRecord,
    StoreLoad,
    StreamBound,
    StreamPage,
    StreamPlace,
    TaskEnd,
    TaskRecord,
    TaskState,
    UserKey,
    UserRecord,
    WebhookKey,
    email_key,
)
from walkwire.stores.sql import (
    archive,
    identities,
    keyed_calls,
    pages,
    revision,
    services,
    sessions,
    streams,
    tasks,
    view,
    webhooks,
)

Result = TypeVar("Result")


class SqlStore(ABC):
    """The part of a store that is the same for all SQL engines. `walkwire.store` documents the promises of each method."""

    is_shared = True
    is_one_moment = False

    @property
    @abstractmethod
    def trouble(self) -> str | None:
        """Return why nothing can be stored at the moment. See `Store.trouble`."""

    @property
    @abstractmethod
    def load(self) -> StoreLoad:
        """Return what is in use now. See `Store.load`."""

    @abstractmethod
    def _run_read(self, work: Callable[[Connection], Result]) -> Result:
        """Return the result of `work`, which only reads, on a connection."""

    @abstractmethod
    def _run_write(self, work: Callable[[Connection], Result]) -> Result:
        """Return the result of `work`, run in a transaction that is committed unless it raises."""

    @abstractmethod
    def _moment(self) -> AbstractContextManager[Connection]:
        """Return a connection whose statements all see the database as it is at the first of them."""

    @abstractmethod
    def stream_tails(self, topics: Sequence[str]) -> dict[str, StreamPlace]:
        """Return the newest places of streams. See `StreamStore.stream_tails`."""

    def search_nodes(self, search: Search) -> list[NodeRecord]:
        """One statement; see `View.search_nodes`."""
        return self._run_read(lambda connection: view.SqlView(connection).search_nodes(search))

    def search_edges(self, search: Search) -> list[EdgeRecord]:
        """One statement; see `View.search_edges`."""
        return self._run_read(lambda connection: view.SqlView(connection).search_edges(search))

    def record_page(self, of: RecordTable, after: str, limit: int) -> list[StoredRecord]:
        """One statement by primary key; see `RecordPages.record_page`."""
        return self._run_read(lambda connection: pages.page(connection, of, after, limit))

    def rewrite_records(self, of: RecordTable, records: Sequence[StoredRecord]) -> int:
        """Conditional UPDATEs in one transaction; see `RecordPages.rewrite_records`."""
        return self._run_write(lambda connection: pages.rewrite(connection, of, records))

    def load_task(self, id: str) -> TaskRecord | None:
        """One statement; see `View.load_task`."""
        return self._run_read(lambda connection: view.SqlView(connection).load_task(id))

    def load_user(self, key: UserKey) -> UserRecord | None:
        """One statement; see `View.load_user`."""
        return self._run_read(lambda connection: view.SqlView(connection).load_user(key))

    def add_user(self, user: UserRecord) -> None:
        """Insert the root and the user in one transaction; see `UserStore.add_user`."""
        self._run_write(lambda connection: view.add_user(connection, user))

    def user_by_email(self, email: str) -> UserRecord | None:
        """One look-up by the address in lower case; see `UserStore.user_by_email`."""
        return self._run_read(lambda connection: view.user_by(connection, email_key=email_key(email)))

    def user_by_id(self, user_id: str) -> UserRecord | None:
        """One look-up by primary key; see `UserStore.user_by_id`."""
        return self._run_read(lambda connection: view.user_by(connection, id=user_id))

    def user_by_root(self, root_id: str) -> UserRecord | None:
        """One look-up by index; see `UserStore.user_by_root`."""
        return self._run_read(lambda connection: view.user_by(connection, root_id=root_id))

    def find_users(self, text: str, limit: int) -> list[UserRecord]:
        """One statement; see `UserStore.find_users`."""
        return self._run_read(lambda connection: view.find_users(connection, text, limit))

    def change_password(self, user_id: str, old: str, new: str) -> bool:
        """One conditional UPDATE and a DELETE in one transaction; see `UserStore.change_password`."""
        return self._run_write(lambda connection: view.change_password(connection, user_id, old, new))

    def prove_email(self, user_id: str) -> bool:
        """One conditional UPDATE; see `UserStore.prove_email`."""
        return self._run_write(lambda connection: view.prove_email(connection, user_id))

    def users(self, after: str, limit: int) -> list[UserRecord]:
        """One statement; see `UserStore.users`."""
        return self._run_read(lambda connection: view.users_after(connection, after, limit))

    def activate_user(self, user_id: str, is_activated: bool) -> bool:
        """One conditional UPDATE, and perhaps two DELETEs, in one transaction; see `UserStore.activate_user`."""
        return self._run_write(lambda connection: view.activate(connection, user_id, is_activated))

    def make_admin(self, user_id: str, is_admin: bool) -> bool:
        """One conditional UPDATE; see `UserStore.make_admin`."""
        return self._run_write(lambda connection: view.make_admin(connection, user_id, is_admin))

    def user_by_identity(self, issuer: str, subject: str) -> UserRecord | None:
        """Two look-ups by primary key; see `IdentityStore.user_by_identity`."""
        return self._run_read(lambda connection: identities.user_of(connection, issuer, subject))

    def add_outside_user(self, user: UserRecord, issuer: str, subject: str) -> None:
        """Insert root, user and identity in one transaction; see `IdentityStore.add_outside_user`."""
        self._run_write(lambda connection: identities.add_user(connection, user, issuer, subject))

    def add_identity(self, user_id: str, issuer: str, subject: str) -> None:
        """One INSERT; see `IdentityStore.add_identity`."""
        self._run_write(lambda connection: identities.add(connection, user_id, issuer, subject))

    def add_session(self, session: SessionRecord, bound: int, ended_bound: int) -> list[str] | None:
        """Lock the user, count and insert in one transaction; see `SessionStore.add_session`."""
        return self._run_write(lambda connection: sessions.add(connection, session, bound, ended_bound))

    def session(self, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
        """One look-up by primary key and one by index; see `SessionStore.session`."""
        return self._run_read(lambda connection: sessions.load(connection, session_id))

    def renew_session(self, session: SessionRecord) -> bool:
        """One conditional UPDATE; see `SessionStore.renew_session`."""
        return self._run_write(lambda connection: sessions.renew(connection, session))

    def end_session(
        self, root_id: str, session_id: str, token_expires: int, now: float, ended_bound: int
    ) -> int | None:
        """Lock the user, count and write in one transaction; see `SessionStore.end_session`."""
        return self._run_write(
            lambda connection: sessions.end(connection, root_id, session_id, token_expires, now, ended_bound)
        )

    def revoke_tokens(self, root_id: str, token_generation: int) -> bool:
        """One conditional UPDATE and a DELETE in one transaction; see `SessionStore.revoke_tokens`."""
        return self._run_write(lambda connection: sessions.revoke(connection, root_id, token_generation))

    def remove_expired_sessions(self, now: float, limit: int) -> int:
        """One DELETE; see `SessionStore.remove_expired_sessions`."""
        return self._run_write(lambda connection: sessions.remove_expired(connection, now, limit))

    def add_service(self, service: ServiceRecord) -> None:
        """One INSERT; see `ServiceStore.add_service`."""
        self._run_write(lambda connection: services.add(connection, service))

    def services(self) -> list[ServiceRecord]:
        """One statement; see `ServiceStore.services`."""
        return self._run_read(services.every)

    def service_by_digest(self, digest: str) -> ServiceRecord | None:
        """One look-up by index; see `ServiceStore.service_by_digest`."""
        return self._run_read(lambda connection: services.by_digest(connection, digest))

    def remove_service(self, name: str) -> bool:
        """One DELETE; see `ServiceStore.remove_service`."""
        return self._run_write(lambda connection: services.remove(connection, name))

    def use_ticket(self, id: str, expires: float) -> bool:
        """One INSERT; see `TicketStore.use_ticket`."""
        return self._run_write(lambda connection: sessions.use_ticket(connection, id, expires))

    def forget_tickets(self, before: float) -> None:
        """One DELETE by index; see `TicketStore.forget_tickets`."""
        self._run_write(lambda connection: sessions.forget_tickets(connection, before))

    def forget_calls(self, before: float, limit: int) -> int:
        """One DELETE by index; see `KeyedCallStore.forget_calls`."""
        return self._run_write(lambda connection: keyed_calls.forget(connection, before, limit))

    def trim_calls(self, root_id: str, most: int, size: int) -> int:
        """One DELETE, if there is anything to delete: it would keep other commits waiting while it reads all records.

        See `KeyedCallStore.trim_calls`.
        """
        if not self._run_read(lambda connection: keyed_calls.is_over(connection, root_id, most, size)):
            return 0
        return self._run_write(lambda connection: keyed_calls.trim(connection, root_id, most, size))

    def add_webhook_key(self, key: WebhookKey, token_generation: int, bound: int) -> bool:
        """Lock the user, count and insert in one transaction; see `WebhookStore.add_webhook_key`."""
        return self._run_write(lambda connection: webhooks.add(connection, key, token_generation, bound))

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        """One statement; see `WebhookStore.webhook_keys_of`."""
        return self._run_read(lambda connection: webhooks.of(connection, root_id))

    def webhook_keys_made(self, root_id: str, made: int) -> list[WebhookKey]:
        """One statement; see `WebhookStore.webhook_keys_made`."""
        return self._run_read(lambda connection: webhooks.made(connection, root_id, made))

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        """One UPDATE; see `WebhookStore.extend_webhook_key`."""
        return self._run_write(lambda connection: webhooks.extend(connection, root_id, id, seconds))

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        """One DELETE; see `WebhookStore.delete_webhook_keys`."""
        return self._run_write(lambda connection: webhooks.remove(connection, root_id, ids))

    def now(self) -> float:
        """PostgreSQL: one statement without a table; see `TaskStore.now`."""
        return self._run_read(tasks.now)

    def begin_tasks(self, server: str, now: float, alive_until: float, limit: int) -> list[TaskRecord]:
        """Select and mark due tasks in one transaction; see `TaskStore.begin_tasks`."""
        return self._run_write(lambda connection: tasks.begin(connection, server, now, alive_until, limit))

    def pending_tasks(self, root_id: str, most: int) -> int:
        """One look-up by index; see `GraphStore.pending_tasks`."""
        return self._run_read(lambda connection: tasks.pending_of(connection, root_id, most))

    def next_task(self) -> float | None:
        """One look-up by index; see `TaskStore.next_task`."""
        return self._run_read(tasks.next_due)

    def find_tasks(self, state: TaskState | None, limit: int) -> list[TaskRecord]:
        """One statement; see `TaskStore.find_tasks`."""
        return self._run_read(lambda connection: tasks.find(connection, state, limit))

    def keep_tasks(self, server: str, ids: Sequence[str], alive_until: float) -> None:
        """One UPDATE; see `TaskStore.keep_tasks`."""
        self._run_write(lambda connection: tasks.keep(connection, server, ids, alive_until))

    def end_task(self, end: TaskEnd) -> bool:
        """One conditional UPDATE; see `TaskStore.end_task`."""
        return self._run_write(lambda connection: tasks.end(connection, end))

    def forget_task(self, id: str) -> None:
        """Delete the task and its walker in one transaction; see `TaskStore.forget_task`."""
        self._run_write(lambda connection: tasks.forget(connection, id))

    def abandon_tasks(self, now: float, error: str) -> int:
        """One UPDATE; see `TaskStore.abandon_tasks`."""
        return self._run_write(lambda connection: tasks.abandon(connection, now, error))

    def open_streams(self, topics: Mapping[str, StreamBound]) -> dict[str, StreamPlace]:
        """One statement if all of them exist; see `StreamStore.open_streams`."""
        found = self.stream_tails(list(topics))
        missing = {topic: bound for topic, bound in topics.items() if topic not in found}
        if missing:
            self._run_write(lambda connection: streams.begin(connection, missing))
            found |= self.stream_tails(list(missing))
        return found

    def find_streams(self, text: str, limit: int) -> dict[str, StreamPlace]:
        """One statement; see `StreamStore.find_streams`."""
        return self._run_read(lambda connection: streams.find(connection, text, limit))

    def read_stream(
        self, topic: str, limit: int, size: int, after: StreamPlace | None, upto: StreamPlace | None
    ) -> StreamPage | None:
        """One statement; see `StreamStore.read_stream`."""
        return self._run_read(lambda connection: streams.read(connection, topic, limit, size, after, upto))

    def trim_stream(self, now: float) -> bool:
        """Select, delete and update in one transaction; see `StreamStore.trim_stream`."""
        return self._run_write(lambda connection: streams.trim(connection, now))

    @property
    def schema(self) -> str:
        """Return the number of the newest schema, which every open database has."""
        return revision.NEWEST

    @contextmanager
    def archive(self) -> Iterator[tuple[int, Iterator[ArchivedRecord]]]:
        """Read 500 records at a time in one snapshot; see `ArchiveStore.archive`."""
        with self._moment() as connection:
            yield archive.count(connection), archive.read(connection)
