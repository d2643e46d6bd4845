"""Watch: a thread that breaks connections on which an answer is overdue, so that nobody waits for ever for a database that hangs.

PostgreSQL ends by itself what takes too long (`statement_timeout`); who has heard nothing by then will not hear anything. While
the system at the other end still acknowledges what is sent, neither TCP nor the driver would find that out.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

_LOOK_SECONDS = 0.5


class Watch:
    """Over the connections that are in use. `on_hang` is called, in the thread, after one was broken."""

    def __init__(self, seconds: float, on_hang: Callable[[], None]) -> None:
        self._seconds = seconds
        self._on_hang = on_hang
        self._since: dict[psycopg.Connection[Any], float] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """From now on."""
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopped.set()

    def begin(self, connection: psycopg.Connection[Any]) -> None:
        """It is in use, and something is asked about now."""
        self._since[connection] = time.monotonic()

    def end(self, connection: psycopg.Connection[Any]) -> None:
        """It is not in use any more."""
        self._since.pop(connection, None)

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            late = time.monotonic() - self._seconds
            for connection in [one for one, since in list(self._since.items()) if since < late]:
                if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    _break(connection)
                    self._on_hang()


def _break(connection: psycopg.Connection[Any]) -> None:
    """Have whoever waits at it find it closed."""
    with suppress(psycopg.Error, OSError):
        number = connection.pgconn.socket
        with socket.socket(fileno=os.dup(number)) as end:
            if (
                connection.pgconn.socket == number
            ):  # else it is closed, and its number may be another's by now
                end.shutdown(socket.SHUT_RDWR)
