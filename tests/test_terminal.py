"""What a terminal shows, and what a pipe gets in its place."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from walkwire import terminal
from walkwire.terminal import Progress, columns


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    screen = _Terminal()
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=screen))
    monkeypatch.setattr(terminal, "_PAUSE", 0)
    return screen


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert columns([("a", "bb", "c"), ("aaa", "", "cccc"), ("aa", "b", "")]) == [
        "a    bb  c",
        "aaa      cccc",
        "aa   b",
    ]


def test_a_terminal_sees_how_far_work_is_and_no_line_is_left(screen: _Terminal) -> None:
    with Progress("exporting", 200) as progress:
        progress.move(50, "nodes")
        assert "exporting [########......................]  25%" in screen.getvalue()
        assert screen.getvalue().endswith("  nodes\x1b[K")
    assert screen.getvalue().endswith("\r\x1b[K")


def test_work_without_a_known_end_shows_what_is_done(screen: _Terminal) -> None:
    with Progress("importing") as progress:
        progress.move(12345)
    assert "importing 12,345" in screen.getvalue()


def test_a_line_that_is_said_meanwhile_takes_the_place_of_the_progress(screen: _Terminal) -> None:
    with Progress("migrating") as progress:
        progress.move(500)
        progress.say("a record does not fit")
    assert "migrating 500\x1b[K\r\x1b[Ka record does not fit\n" in screen.getvalue()


def test_no_pipe_gets_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_PAUSE", 0)
    pipe = io.StringIO()
    monkeypatch.setattr(terminal, "sys", SimpleNamespace(stderr=pipe))
    with Progress("exporting", 200) as progress:
        progress.move(50)
    assert pipe.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "value", "is_so"),
    [("NO_COLOR", "1", True), ("NO_COLOR", "", False), ("TERM", "dumb", True), ("TERM", "xterm", False)],
)
def test_colour_is_refused_by_the_environment(
    name: str, value: str, is_so: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    assert terminal.is_colourless() is is_so
