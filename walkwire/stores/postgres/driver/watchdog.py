"""Watch: a thread that breaks connections on which an answer is overdue, so that nobody waits for ever for a database that hangs,
and has those given back which a walk holds while it waits for something else.

PostgreSQL ends by itself what takes too long (`statement_timeout`); who has heard nothing by then will not hear anything. While
the system at the other end still acknowledges what is sent, neither TCP nor the driver would find that out.
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

_MANY = 10_000  # records: for each so many, all of them in a few statements, it is waited as long again

_log = logging.getLogger("walkwire.stores")


class IdleView(Protocol):
    """What has a connection for longer than one question, and does not need it all the time."""

    def is_idle(self, seconds: float) -> bool:
        """Whether it has one, and did not need it for so long."""

    def give_back(self, seconds: float) -> None:
        """Give it back, if that is so."""

    def end(self) -> None:
        """Give it back."""


class Watchdog:
    """Over the connections that are in use. `on_hang` is called, in the thread, after one was broken."""

    def __init__(self, overdue: float, idle: float, on_hang: Callable[[], None]) -> None:
        self._overdue = overdue
        self._idle = idle
        self._on_hang = on_hang
        self._until: dict[psycopg.Connection[Any], float] = {}
        self._views: dict[int, IdleView] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """From now on."""
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def begin(self, connection: psycopg.Connection[Any], records: int = 0) -> None:
        """It is in use, and something is asked about now, which is about so many records."""
        self._until[connection] = time.monotonic() + self._overdue * (1 + records / _MANY)

    def end(self, connection: psycopg.Connection[Any]) -> None:
        """It is not in use any more."""
        self._until.pop(connection, None)

    @contextmanager
    def over(self, view: IdleView) -> Iterator[None]:
        """Let it rest when it may, and end with the block."""
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
                _log.exception("A look at the connections failed; there will be others")

    def _inspect(self) -> None:
        for view in list(self._views.values()):
            if view.is_idle(self._idle):
                # In a thread of its own: the database is told, and may hang just then.
                threading.Thread(target=view.give_back, args=(self._idle,), daemon=True).start()
        now = time.monotonic()
        for connection in [one for one, until in list(self._until.items()) if until < now]:
            if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                _break(connection)
                self._on_hang()


def _break(connection: psycopg.Connection[Any]) -> None:
    """Have whoever waits at it find it closed."""
    with suppress(psycopg.Error, OSError):
        number = connection.pgconn.socket
        with socket.socket(fileno=os.dup(number)) as end:
            # Else it was closed in the meantime, and its number may be another's by now.
            if connection.pgconn.socket == number:
                end.shutdown(socket.SHUT_RDWR)
