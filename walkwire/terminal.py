"""Terminal: text for people: columns, colour and progress. A pipe or a file gets plain text and no progress."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType

import click

_WIDTH = 30  # of a bar, in characters
_PAUSE = 0.1  # seconds between two pictures


def is_colourless() -> bool:
    """Return whether the environment asks for no colour: NO_COLOR (https://no-color.org), or a terminal that has none."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def columns(rows: Iterable[Sequence[str]], *, gap: int = 2, colour: str | None = None) -> list[str]:
    """Return a line for each row, with its cells padded to the width of their column. `colour`: of the first column."""
    rows = list(rows)
    widths: dict[int, int] = {}
    for row in rows:
        for place, cell in enumerate(row[:-1]):
            widths[place] = max(widths.get(place, 0), len(cell))
    lines = []
    for row in rows:
        cells = [*(cell.ljust(widths[place]) for place, cell in enumerate(row[:-1])), *row[-1:]]
        if colour is not None and cells:
            cells[0] = click.style(cells[0], fg=colour)
        lines.append((" " * gap).join(cells).rstrip())
    return lines


class Progress:
    """A line on stderr that shows how far long work is. Nothing is shown unless stderr is a terminal.

    `total` is None if it is not known. Use it as a context manager: the line is cleared at the end.
    """

    def __init__(self, label: str, total: int | None = None) -> None:
        self._label = label
        self._total = total
        self._is_shown = sys.stderr.isatty()
        self._began = time.monotonic()
        self._next = self._began + _PAUSE  # nothing flashes up for what is done at once

    def move(self, done: int, facts: str = "") -> None:
        """Show that `done` of the total is done. `facts`: a few words at the end of the line."""
        if not self._is_shown or (now := time.monotonic()) < self._next:
            return
        self._next = now + _PAUSE
        line = f"{self._label} {self._picture(done, now)}"
        if facts:
            line += f"  {facts}"
        sys.stderr.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        sys.stderr.flush()

    def say(self, text: str) -> None:
        """Print a line on stderr, in place of the line that is shown."""
        self._clear()
        sys.stderr.write(f"{text}\n")

    def _picture(self, done: int, now: float) -> str:
        if not self._total:
            return f"{done:,}"
        part = min(1.0, done / self._total)
        full = round(_WIDTH * part)
        left = f"  {_span((now - self._began) * (1 - part) / part)} left" if part else ""
        return f"[{'#' * full}{'.' * (_WIDTH - full)}] {part:4.0%}{left}"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
