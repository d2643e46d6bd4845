"""File: whether the file of a SQLite database is still there, and can be written. Knows no tables.

A process keeps an open file although it was removed or replaced, and SQLite goes on writing to it. After a restart all of that
is lost. So the file's identity (device and inode) is compared before and after each commit.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

from walkwire.errors import Busy, CommitInDoubt, PublicError

PROBE_SECONDS = 1.0
FREE_BYTES = 1024 * 1024  # free space from which a full disk no longer counts as full

_SENTENCE = "The database cannot be used at the moment. Please try again later!"
_MOVED = "its file was removed or replaced while it was open"
# Primary result codes (the low byte of an extended one) that speak of the file or the disk, never of the statement.
_FILE_CODES = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
_Identity = tuple[int, int]

_log = logging.getLogger("walkwire.stores")


class Unavailable(Busy):
    """The database's file was removed or replaced, or cannot be read or written. Nothing was stored."""

    def __init__(self) -> None:
        super().__init__(_SENTENCE)


class DatabaseFile:
    """The file of a database that is open. Create it when the file exists.

    - trouble: why the database cannot be used at the moment, half a sentence for load balancers; None: it can

    Trouble is logged once when it begins and once when it is over. It is over when a write of `probe` succeeds, there is free
    space, and the file is the one that was opened. A thread tries that each second, as long as there is trouble.
    """

    def __init__(self, path: str) -> None:
        self.trouble: str | None = None
        self._path = str(Path(path).resolve())  # whatever becomes of the current folder
        self._log_path = f"{self._path}-wal"
        self._identity = _identity(self._path)
        self._log_identity: _Identity | None = None
        self._probe: Callable[[], object] | None = None
        self._lock = threading.Lock()
        self._is_failing = False  # since the last probe
        self._prober: threading.Thread | None = None  # the last one
        self._closed = threading.Event()

    def connect(self, **options: Any) -> sqlite3.Connection:
        """Open a connection to the file. Never creates one: it would be another database. Raises Unavailable."""
        try:
            connection: sqlite3.Connection = sqlite3.connect(
                f"{Path(self._path).as_uri()}?mode=rw", uri=True, **options
            )
        except sqlite3.Error as error:
            self.refuse(error)
            raise
        try:
            self.require()
        except BaseException:
            connection.close()
            raise
        return connection

    def require(self) -> None:
        """Raise Unavailable if the file, or its write-ahead log, was removed or replaced. Takes about 3 µs."""
        if _identity(self._path) == self._identity:
            if self._log_identity is None:
                return
            if _identity(self._log_path) == self._log_identity:
                return
        self._fail(_MOVED)

    def note_log(self) -> None:
        """Watch the write-ahead log too. Call it when the connection that writes has created it."""
        self._log_identity = _identity(self._log_path)

    def refuse(self, error: BaseException, *, is_commit: bool = False) -> None:
        """Raise Unavailable if an error of SQLite speaks of the file or the disk. Otherwise do nothing.

        If a commit was written but not flushed, its outcome is unknown: raises CommitInDoubt.
        """
        cause = getattr(error, "orig", error)
        code = getattr(cause, "sqlite_errorcode", None)
        if code is None or code & 0xFF not in _FILE_CODES:
            return
        self._begin(f"it cannot be used: {cause}")
        if is_commit and code == sqlite3.SQLITE_IOERR_FSYNC:
            raise CommitInDoubt from None
        raise Unavailable from None

    def probe_with(self, probe: Callable[[], object]) -> None:
        """Use `probe` to find out whether the database can be written again. It commits a write, or raises."""
        self._probe = probe

    def close(self) -> None:
        """End the thread that probes, after the probe under way: it uses what is closed next."""
        with self._lock:
            self._closed.set()
            prober = self._prober
        if prober is not None:
            prober.join()

    def _fail(self, reason: str) -> NoReturn:
        self._begin(reason)
        raise Unavailable

    def _begin(self, reason: str) -> None:
        with self._lock:
            self._is_failing = True
            if self.trouble is not None or self._closed.is_set():
                return
            self.trouble = f"the database: {reason}"
            _log.error(
                "The database %s: %s. Until this is over, what it has to store is refused with 503",
                self._path,
                reason,
            )
            self._prober = threading.Thread(target=self._wait_for_the_end, name="database", daemon=True)
            self._prober.start()

    def _wait_for_the_end(self) -> None:
        while not self._closed.wait(PROBE_SECONDS):
            if self._is_over():
                return

    def _is_over(self) -> bool:
        self._is_failing = False
        try:
            if self._probe is not None:
                self._probe()
            space = os.statvfs(self._path)
        except (PublicError, sqlite3.Error, OSError):
            return False
        with self._lock:
            is_full = space.f_blocks and space.f_bavail * space.f_frsize < FREE_BYTES
            if is_full or self._is_failing:
                return False
            self.trouble = None
            _log.warning("The database %s can be used again", self._path)
            return True


def create(path: str) -> DatabaseFile:
    """Return the file at `path`, created if there is none. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path)):
        return DatabaseFile(path)


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the time that pathlib takes, at each commit
    except OSError:
        return None
    return found.st_dev, found.st_ino
