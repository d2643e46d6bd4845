"""The lines of the log, as text and as JSON."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from datetime import datetime
from io import StringIO

import pytest

from walkwire.config import LogFormat
from walkwire.ids import LOG_IDS
from walkwire.log import handler
from walkwire.log.handler import LogHandler, log_to_stderr, name_worker


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What goes to stderr. `start` makes the root logger as it is in a new process."""
    root, written = logging.getLogger(), StringIO()
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    level, kept = root.level, list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in handler.QUIET}
    yield written
    for one in root.handlers:
        if one not in kept:
            one.close()
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def start(
    output: StringIO, monkeypatch: pytest.MonkeyPatch, form: LogFormat, worker: int | None = None
) -> None:
    """Begin the log, in a root logger without pytest's handlers, which come after the fixtures."""
    monkeypatch.setattr(sys, "stderr", output)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log_to_stderr(form)
    if worker is not None:
        name_worker(worker)


def lines(output: StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def fail(message: str) -> None:
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("walkwire.walk").exception(message)


def test_json_has_one_object_a_line_with_time_level_logger_message_and_ids(
    output: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(output, monkeypatch, "json", 3)
    token = LOG_IDS.set({"request": "abc"})
    fail("Internal error, reference 1")
    LOG_IDS.reset(token)
    logging.getLogger("shop").warning("sold %d", 7, extra={"shelf": 12})
    first, second = lines(output)
    assert datetime.fromisoformat(str(first.pop("time"))).utcoffset() is not None
    assert str(first.pop("traceback")).endswith("ValueError: no")
    assert first == {
        "level": "ERROR",
        "logger": "walkwire.walk",
        "message": "Internal error, reference 1",
        "worker": 3,
        "request": "abc",
    }
    assert (second["message"], second["shelf"], "request" in second) == ("sold 7", 12, False)


def test_text_has_the_worker_and_the_ids_in_the_line_and_the_traceback_below(
    output: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(output, monkeypatch, "text", 2)
    token = LOG_IDS.set({"client": "c:1", "event": 7})
    fail("failed")
    LOG_IDS.reset(token)
    first, *rest = output.getvalue().splitlines()
    assert first.endswith(" worker 2 ERROR walkwire.walk: failed [client c:1 event 7]")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "ValueError: no")


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_clients_choose_as_an_id_is_masked_and_cut(
    output: StringIO, monkeypatch: pytest.MonkeyPatch, form: LogFormat
) -> None:
    start(output, monkeypatch, form)
    ids = {"client": "c", "event": "wk_" + "s" * 40}
    logging.getLogger("walkwire").error("first", extra=ids)
    logging.getLogger("walkwire").error("second", extra=ids | {"event": "e" * 1000})
    assert "ssss" not in output.getvalue()
    assert "e" * 65 not in output.getvalue()


def test_half_a_character_does_not_lose_the_line(output: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    start(output, monkeypatch, "json")
    logging.getLogger("walkwire").error("half of one: %s", "\ud83d")
    assert lines(output)[0]["message"] == "half of one: \\ud83d"


def test_exceptions_that_nobody_can_catch_go_into_the_log(
    output: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(output, monkeypatch, "json")

    class Bad:
        def __del__(self) -> None:
            raise ValueError("in __del__")

    Bad()
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    assert ["ValueError: in __del__" in str(one["traceback"]) for one in lines(output)] == [True, False]
    assert "ZeroDivisionError" in str(lines(output)[1]["traceback"])


def test_counts_are_written_before_the_process_ends(
    output: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(output, monkeypatch, "json")
    for _ in range(100):
        logging.getLogger("walkwire").error("again")
    for one in logging.getLogger().handlers:
        assert isinstance(one, LogHandler)
        one.close()
    assert str(lines(output)[-1]["message"]).endswith("more like this: again")


def test_a_log_that_the_caller_has_set_up_is_left_alone(
    output: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = logging.NullHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [own])
    log_to_stderr("json")
    assert logging.getLogger().handlers == [own]
