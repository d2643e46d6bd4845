"""How much of a flood gets into the log, and what is said of the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from walkwire.log import sampling
from walkwire.log.sampling import LONGEST_MESSAGE, Sampler

SECRET = "hunter2hunter2"
FORMAT = logging.Formatter("%(levelname)s %(name)s: %(message)s")


class Log:
    """What a handler with a sampler writes. The test moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.sampler = Sampler(self.handle, lambda: self.now)

    def handle(self, record: logging.LogRecord) -> None:
        if self.sampler.filter(record):
            self.lines.append(FORMAT.format(record))

    def error(self, message: str, *arguments: object, name: str = "walkwire.walk", line: int = 1) -> None:
        self.handle(logging.LogRecord(name, logging.ERROR, "file.py", line, message, arguments, None))

    def trace(self, message: str, error: BaseException, name: str = "walkwire.walk") -> None:
        info = (type(error), error, error.__traceback__)
        self.handle(logging.LogRecord(name, logging.ERROR, "file.py", 1, message, None, info))

    @property
    def size(self) -> int:
        return sum(len(line.encode()) + 1 for line in self.lines)


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.sampler.close()


def raised(text: str = "no") -> ValueError:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def raised_elsewhere() -> KeyError:
    try:
        raise KeyError("x")
    except KeyError as error:
        return error


def test_one_traceback_a_place_and_second_and_the_references_of_the_others(log: Log) -> None:
    for number in range(3):
        log.trace(f"reference {number}", raised())
    log.trace("another place", raised_elsewhere())
    assert [line.count("Traceback") for line in log.lines] == [1, 0, 0, 1]
    assert log.lines[1] == "ERROR walkwire.walk: reference 1 (ValueError, as logged before)"
    log.now += 1
    log.trace("reference 4", raised())
    assert "Traceback" in log.lines[-1]


def test_what_was_not_logged_is_counted_and_said_once(log: Log) -> None:
    for _ in range(1234):
        log.error("Invalid HTTP request received.", name="uvicorn.error")
    assert len(log.lines) == sampling.LINES
    log.sampler.say_counts()
    missed = 1234 - sampling.LINES
    assert (
        log.lines[-1]
        == f"ERROR uvicorn.error: … and {missed:,} more like this: Invalid HTTP request received."
    )
    log.sampler.say_counts()
    assert len(log.lines) == sampling.LINES + 1


def test_the_next_line_of_a_place_brings_the_count(log: Log) -> None:
    for _ in range(10):
        log.error("cut off")
    log.now += 5
    log.error("cut off")
    assert log.lines[-1] == "ERROR walkwire.walk: cut off (… and 5 more like this)"


def test_a_flood_from_many_places_stays_below_the_bytes_per_second(log: Log) -> None:
    seconds = 15
    for tick in range(seconds * 10):
        log.now = tick / 10
        for line in range(50):
            log.error("x" * 1500, line=line)
            log.trace("y" * 1500, raised("z" * 5000))
    log.sampler.say_counts()
    assert log.size / seconds <= 10_240


def test_in_a_flood_another_place_is_still_heard(log: Log) -> None:
    for line in range(2000):
        log.error("x" * 1500, line=line)
    log.error("The database cannot be used", line=5000)
    assert log.lines[-1] == "ERROR walkwire.walk: The database cannot be used"


def test_lines_of_the_program_are_its_own_decision_but_not_its_tracebacks(log: Log) -> None:
    for name in ("walkwire.program", "shop.orders"):
        log.lines.clear()
        for _ in range(100):
            log.error("an order", name=name)
        assert len(log.lines) == 100
        for _ in range(100):
            log.trace("failed", raised(), name)
        assert sum("Traceback" in line for line in log.lines) == 1


def test_a_line_break_of_a_stranger_begins_no_line_and_long_messages_are_cut(log: Log) -> None:
    log.error("path %s", "/a\n2026 INFO walkwire: forged")
    assert log.lines == ["ERROR walkwire.walk: path /a\\x0a2026 INFO walkwire: forged"]
    log.error("x" * 100_000)
    assert len(log.lines[-1]) < LONGEST_MESSAGE + 100


def test_secrets_are_masked_in_messages_tracebacks_and_counts(log: Log) -> None:
    for _ in range(9):
        log.error("token=%s", SECRET, line=3)
        log.trace(f"Bearer {SECRET}", raised(f"password='{SECRET}'"))
    log.sampler.say_counts()
    assert SECRET not in "\n".join(log.lines)
    assert "Traceback" in "\n".join(log.lines)


def test_arguments_that_do_not_fit_are_not_printed(log: Log) -> None:
    log.error("%d of them", SECRET)
    assert log.lines == ["ERROR walkwire.walk: %d of them"]
