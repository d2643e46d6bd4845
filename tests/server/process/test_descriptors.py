"""What is said of file descriptors, and how often."""

from __future__ import annotations

import logging

import pytest

from walkwire.server.process import descriptors
from walkwire.server.process.descriptors import Descriptors


def test_it_is_said_once_at_ninety_percent_and_once_when_none_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free: int | None = 10
    monkeypatch.setattr(descriptors, "_limit", lambda: 100)
    monkeypatch.setattr(descriptors, "_lowest_free", lambda: free)
    caplog.set_level(logging.WARNING)
    watched = Descriptors()

    def said(connections: int) -> list[str]:
        caplog.clear()
        assert watched.look(connections) == (None if free else "no file descriptor is left")
        return [line.getMessage().split(":")[0].split(". ")[0] for line in caplog.records]

    assert said(79) == []
    assert said(80) == ["90 of 100 file descriptors are in use"]
    assert said(85) == []
    free = None
    assert said(90) == ["No file descriptor is left of 100"]
    assert said(90) == []
    free = 95
    assert said(10) == []
    free = 20
    assert said(10) == []
    free = 92
    assert said(10) == ["92 of 100 file descriptors are in use"]
