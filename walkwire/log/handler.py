"""Handler: writes the log to stderr, as text or as one JSON object for each line.

Each line names the request, event or task that it belongs to (`ids.LOG_IDS`), and the worker if there are several.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from walkwire.config import LogFormat
from walkwire.ids import LOG_IDS
from walkwire.log.masking import masked
from walkwire.log.sampling import Sampler

QUIET = ("alembic", "uvicorn", "websockets", "asyncio")
SILENT = (
    "python_multipart",
)  # warns of each wrong form, and quotes it; whoever sent it is answered with 400
LONGEST_ID = 64

_log = logging.getLogger("walkwire")


class LogHandler(logging.StreamHandler[Any]):
    """The handler of the root logger. `worker` is the number of this process; None: it is the only one."""

    worker: int | None = None

    def __init__(self, format: LogFormat) -> None:
        super().__init__(sys.stderr)
        self._sampler = Sampler(self.handle)
        self.addFilter(self._sampler)
        self.addFilter(self._add_ids)
        self.setFormatter(_json_formatter() if format == "json" else TextFormatter())

    def close(self) -> None:
        """Write what was only counted so far. Called by logging when the process ends."""
        self._sampler.close()
        super().close()

    def _add_ids(self, record: logging.LogRecord) -> bool:
        fields = record.__dict__
        if self.worker is not None:
            fields["worker"] = self.worker
        for name, value in LOG_IDS.get().items():
            fields.setdefault(name, value)
        for name in ("request", "client", "event", "task"):
            value = fields.get(name)
            if isinstance(value, str):
                fields[name] = masked(value)[:LONGEST_ID]
            elif value is None:
                fields.pop(name, None)
        return True


class TextFormatter(logging.Formatter):
    """`time [worker N] LEVEL logger: message [request …]`, then the traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without its traceback. Called by `format`."""
        fields = record.__dict__
        worker = f"worker {fields['worker']} " if "worker" in fields else ""
        ids = " ".join(
            f"{name} {fields[name]}" for name in ("request", "client", "event", "task") if name in fields
        )
        line = f"{self.formatTime(record)} {worker}{record.levelname} {record.name}: {record.message}"
        return f"{line} [{ids}]" if ids else line

    def usesTime(self) -> bool:  # noqa: N802 - logging's name
        """Return False: `formatMessage` formats the time itself."""
        return False


def log_to_stderr(format: LogFormat) -> None:
    """Send the log of this process to stderr. Does nothing if the root logger has a handler already."""
    root = logging.getLogger()
    if root.handlers:
        return
    root.addHandler(LogHandler(format))
    root.setLevel(logging.INFO)
    for library in QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
    for library in SILENT:
        logging.getLogger(library).setLevel(logging.CRITICAL)
    logging.raiseExceptions = (
        False  # a message that cannot be formatted would be printed with all its arguments
    )
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread


def name_worker(number: int) -> None:
    """Put the number of this worker process into each of its lines."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogHandler):
            handler.worker = number


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.msgspec import MsgspecFormatter

    return MsgspecFormatter(
        ["levelname", "name", "message"],
        timestamp="time",
        rename_fields={
            "levelname": "level",
            "name": "logger",
            "exc_info": "traceback",
            "stack_info": "stack",
        },
        reserved_attrs=(*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "is_summary"),
    )


def _log_unraisable(unraisable: Any) -> None:
    trace = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
    _log.error("%s", unraisable.err_msg or "An exception was ignored", exc_info=trace)


def _log_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is not SystemExit and failed.exc_value is not None:
        trace = (failed.exc_type, failed.exc_value, failed.exc_traceback)
        _log.error("A thread ended by an exception", exc_info=trace)
