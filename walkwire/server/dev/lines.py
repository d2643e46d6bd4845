"""Lines: one line of the log for each walk and for each request over HTTP."""

from __future__ import annotations

import logging
import time
from time import perf_counter
from typing import TextIO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from walkwire.errors import PublicError
from walkwire.log.masking import masked
from walkwire.walk.unit.record import WalkRecord, Watcher

TARGETS = 3  # of a notification, in a line

_log = logging.getLogger("walkwire.dev")


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes the lines of `walkwire.dev` to stderr, each of them: the log of a server counts those that are alike."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: the time of day, the level of a warning, and the message without secrets."""
        level = "" if record.levelno < logging.WARNING else f"{record.levelname} "
        return f"{time.strftime('%H:%M:%S')} {level}{masked(record.getMessage())}"


class WalkLines(Watcher):
    """Writes a line for each walk that has ended."""

    def ended(self, record: WalkRecord) -> None:
        """Write what ran, for how long, with how many statements and retries, what it wrote and whom it told."""
        _log.info("%s", line_of_walk(record))


def line_of_walk(record: WalkRecord) -> str:
    """Return the line of a walk: `walk vote  200  3.1 ms  4 statements  1 re-run  wrote 2  told channels room`."""
    at = f" at {record.node}" if record.node else ""
    parts = [f"{record.mode} {record.walker}{at}", _outcome(record), _time(record.seconds or 0)]
    parts.append(_count(record.statements, "statement"))
    if record.attempts > 1:
        parts.append(_count(record.attempts - 1, "re-run"))
    if record.error is None and record.written:
        parts.append(f"wrote {len(record.written)}")
    if record.error is None:
        parts += dict.fromkeys(f"told {one.kind} {_targets(one.targets)}".rstrip() for one in record.told)
    return "  ".join(parts)


def _outcome(record: WalkRecord) -> str:
    if record.error is None:
        return str(record.status or 200)
    if isinstance(record.error, PublicError):
        return record.error.code
    return type(record.error).__name__


def _targets(targets: tuple[str, ...]) -> str:
    more = f" and {len(targets) - TARGETS} more" if len(targets) > TARGETS else ""
    return ", ".join(targets[:TARGETS]) + more


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


class RequestLines:
    """Writes a line for each request over HTTP, without its query, in which secrets may be."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        # The extension by which the server takes a whole answer in one message would pass `sent` by.
        scope = {**scope, "extensions": {}}
        try:
            await self._app(scope, receive, sent)
        finally:
            took = _time(perf_counter() - started)
            _log.info("%s %s  %s  %s", scope["method"], scope["path"], status or "no answer", took)
