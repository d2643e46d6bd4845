"""Watchdog: a thread that closes connections on which an answer is overdue, and returns idle snapshots' connections to the pool.

PostgreSQL itself ends statements that take too long (`statement_timeout`). If nothing has arrived by then, nothing will. While
the peer's kernel still acknowledges packets, neither TCP nor the driver notices that.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import psycopg
from psycopg.pq import TransactionStatus

_MANY = 10_000  # records: each so many add the whole time once more

_log = logging.getLogger("walkwire.stores")


class IdleView(Protocol):
    """A view that holds a connection for longer than one statement, and does not always need it."""

    def is_idle(self, seconds: float) -> bool:
        """Return whether it holds a connection that it has not used for `seconds`."""

    def give_back(self, seconds: float) -> None:
        """Return the connection to the pool if it has been idle for `seconds`."""

    def end(self) -> None:
        """Return the connection to the pool."""


class Watchdog:
    """Watches the connections that are in use.

    - `overdue`: seconds after which an answer is overdue.
    - `idle`: seconds after which an unused connection of a view is returned.
    - `on_hang`: called in the watchdog's thread after it closed a connection.
    """

    def __init__(self, overdue: float, idle: float, on_hang: Callable[[], None]) -> None:
        self._overdue = overdue
        self._idle = idle
        self._on_hang = on_hang
        self._until: dict[psycopg.Connection[Any], float] = {}
        self._views: dict[int, IdleView] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def begin(self, connection: psycopg.Connection[Any], records: int = 0) -> None:
        """Watch a connection from now on, or restart its time. `records`: how many records the statement touches."""
        self._until[connection] = time.monotonic() + self._overdue * (1 + records / _MANY)

    def end(self, connection: psycopg.Connection[Any]) -> None:
        """Stop watching a connection."""
        self._until.pop(connection, None)

    @contextmanager
    def over(self, view: IdleView) -> Iterator[None]:
        """Let a view return its connection when it is idle. Ends the view after the block."""
        self._views[id(view)] = view
        try:
            yield
        finally:
            del self._views[id(view)]
            view.end()

    def _run(self) -> None:
        while not self._stopped.wait(self._idle / 2):
            try:
                self._inspect()
            except Exception:
                _log.exception("A check of the connections failed; it will be repeated")

    def _inspect(self) -> None:
        for view in list(self._views.values()):
            if view.is_idle(self._idle):
                # In a thread of its own: this sends a statement, and the database may hang.
                threading.Thread(target=view.give_back, args=(self._idle,), daemon=True).start()
        now = time.monotonic()
        for connection in [one for one, until in list(self._until.items()) if until < now]:
            if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                _break(connection)
                self._on_hang()


def _break(connection: psycopg.Connection[Any]) -> None:
    """Shut the socket down, so that the thread that waits for an answer gets an error."""
    with suppress(psycopg.Error, OSError):
        number = connection.pgconn.socket
        with socket.socket(fileno=os.dup(number)) as end:
            # If not, the connection was closed meanwhile, and its number may belong to another socket.
            if connection.pgconn.socket == number:
                end.shutdown(socket.SHUT_RDWR)
