"""Sampling: a filter of a handler that bounds what the log gets per second, whatever strangers do. Masks and cuts texts too.

A place is a line of code that logs and, with a traceback, the type of the error and the line that raised it. In each
second a place gets one traceback, or a few lines. What is above that, or above the bytes per second of the whole log, is
counted. The count is in the next line of the place, or in a line of its own.

A logger of the program itself is not limited, except for its tracebacks: what a program logs is its author's decision.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from walkwire.log.masking import LONGEST_TEXT, masked

LINES = 5  # without a traceback: for each place and second
BYTES_PER_SECOND = 6 * 1024
BURST = 16 * 1024
LONGEST_MESSAGE = 2000  # characters
SHORT_MESSAGE = 300
LONGEST_TRACEBACK = 4000
SHORT_SECONDS = (
    10.0  # above the bytes per second, a place may still say so often what it has to say, without a traceback
)
MOST_PLACES = 1000

_LIBRARIES = frozenset(
    {"walkwire", "uvicorn", "asyncio", "websockets", "sqlalchemy", "concurrent", "nats", "redis"}
)
_PROGRAM = "walkwire.program"
_OVERHEAD = 160  # bytes of a line beside its message and traceback: time, level, logger, ids

_NEW_LINE = "\n"

_formatter = logging.Formatter()


class Place:
    """What was logged at one place in the current second.

    - since: when the second began
    - passed, missed: how many records passed in it, and how many were only counted
    - counted: how many were only counted before, and were not said yet
    - message: one of those that were only counted
    - short: when the place last passed although the log had its bytes already
    """

    __slots__ = ("counted", "message", "missed", "passed", "short", "since")

    def __init__(self) -> None:
        self.since = float("-inf")
        self.passed = 0
        self.missed = self.counted = 0
        self.short = float("-inf")
        self.message = ""


class Sampler(logging.Filter):
    """Decide which records pass, mask their texts and cut them.

    - `handle`: is given the records that say what was counted; `Handler.handle`, say. They pass the filter
    - `clock`: seconds
    """

    def __init__(
        self, handle: Callable[[logging.LogRecord], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._handle = handle
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[tuple[object, ...], Place] = {}
        self._left = float(BURST)
        self._filled = clock()
        self._timer: threading.Timer | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record passes. It is changed: its message is final, and its traceback is text."""
        if getattr(record, "is_summary", False):
            return True
        is_limited = _is_limited(record.name)
        if not is_limited and not record.exc_info:
            self._finish(record, 0)
            return True
        now = self._clock()
        with self._lock:
            self._fill(now)
            place = self._place(record)
            if now - place.since >= 1:
                place.since, place.passed = now, 0
                place.counted, place.missed = place.counted + place.missed, 0
            is_first = not place.passed
            is_short = is_limited and self._left <= 0
            if is_short and (not is_first or now - place.short < SHORT_SECONDS):
                return self._miss(place, record)
            if not is_first and (record.exc_info or place.passed >= LINES):
                if not record.exc_info or not record.name.startswith("walkwire.") or self._left < BURST / 2:
                    return self._miss(place, record)
                # Clients quote the reference in the message.
                record.msg, record.args = f"{_message(record)} ({_type(record)}, as logged before)", None
                record.exc_info = None
            place.passed += 1
            more, place.counted = place.counted, 0
        if is_short:
            place.short = now
            record.msg, record.args = _message(record)[:SHORT_MESSAGE], None
            record.exc_info = record.exc_text = record.stack_info = None
        self._finish(record, more)
        with self._lock:
            self._left -= len(record.msg) + len(record.exc_text or "") + _OVERHEAD
        return True

    def say_counts(self) -> None:
        """Log the counts that no later record has brought with it. Called by a timer, and before the process ends."""
        with self._lock:
            self._timer = None
            due = []
            for key, place in self._places.items():
                if missed := place.counted + place.missed:
                    place.counted = place.missed = 0
                    due.append((key, missed, place.message))
            self._fill(self._clock())
            self._left -= sum(len(message) + _OVERHEAD for _, _, message in due)
        for key, missed, message in due:
            text = f"… and {missed:,} more like this: {message}"
            level = key[2] if isinstance(key[2], int) else logging.WARNING
            summary = logging.LogRecord(str(key[0]), level, "", 0, text, None, None)
            summary.is_summary = True
            self._handle(summary)

    def close(self) -> None:
        """Log the remaining counts."""
        if self._timer is not None:
            self._timer.cancel()
        self.say_counts()

    def _place(self, record: logging.LogRecord) -> Place:
        key: tuple[object, ...] = (record.name, record.lineno, record.levelno)
        if record.exc_info:
            key += (record.exc_info[0], *_innermost(record.exc_info[2]))
        found = self._places.get(key)
        if found is None:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            found = self._places[key] = Place()
        return found

    def _miss(self, place: Place, record: logging.LogRecord) -> bool:
        if not place.missed:
            place.message = masked(_message(record)).translate(_CONTROLS)[:SHORT_MESSAGE]
        place.missed += 1
        if self._timer is None:
            timer = threading.Timer(2.0, self.say_counts)
            timer.daemon = True
            with suppress(RuntimeError):  # the interpreter is ending: `close` says the counts
                timer.start()
                self._timer = timer
        return False

    def _fill(self, now: float) -> None:
        self._left = min(BURST, self._left + (now - self._filled) * BYTES_PER_SECOND)
        self._filled = now

    def _finish(self, record: logging.LogRecord, more: int) -> None:
        message = masked(_message(record))
        if _is_limited(record.name):
            message = message.translate(_CONTROLS)
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}…"
        record.msg, record.args = f"{message} (… and {more:,} more like this)" if more else message, None
        if record.exc_info:
            record.exc_text = _traceback(_formatter.formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = _traceback(record.stack_info)


# A line break in what a stranger sent must not begin a new line of the log.
_CONTROLS = {number: f"\\x{number:02x}" for number in (*range(32), 0x7F, 0x85, 0x2028, 0x2029) if number != 9}


def _is_limited(logger: str) -> bool:
    return logger.partition(".")[0] in _LIBRARIES and logger != _PROGRAM


def _message(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # the arguments do not fit: logging would print them all
        text = str(record.msg)
    return text.rstrip("\n").encode(errors="backslashreplace").decode()


def _type(record: logging.LogRecord) -> str:
    return record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "an error"


def _innermost(trace: TracebackType | None) -> tuple[object, ...]:
    if trace is None:
        return ()
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _traceback(text: str) -> str:
    """Return a traceback with its secrets masked; of a long one the beginning and the end, which names the error."""
    if len(text) > LONGEST_TEXT:
        half = LONGEST_TEXT // 2
        text = f"{text[:half]}\n{text[-half:].partition(_NEW_LINE)[2]}"  # never from the middle of a secret
    text = masked(text)
    if len(text) <= LONGEST_TRACEBACK:
        return text
    third = LONGEST_TRACEBACK // 3
    return f"{text[:third]}\n  …\n{text[-2 * third :]}"
