"""Watch: finds out which files of a program's folder were saved, by looking at their times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

KINDS = (".jac", ".py", ".toml")
MOST = 5000  # files; further ones are not watched
_PASSED_OVER = frozenset(("__pycache__", "__jac_cache__", "__jac_gen__", "node_modules", "site-packages"))

State = tuple[int, int, int]  # time in ns, size, inode: an editor may put another file in place


class SourceWatch:
    """The sources in a folder and below it, hidden folders and installed packages excepted.

    `is_whole`: there are no more than `MOST`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.is_whole = True
        self._states = self._look()

    def changed(self) -> list[Path]:
        """Return the files that were saved, made or removed since the last call, ordered by name."""
        before, self._states = self._states, self._look()
        return sorted(
            file for file in before.keys() | self._states if before.get(file) != self._states.get(file)
        )

    def _look(self) -> dict[Path, State]:
        states: dict[Path, State] = {}
        for entry in _sources(str(self._folder)):
            if len(states) == MOST:
                self.is_whole = False
                break
            try:
                found = entry.stat()
            except OSError:  # removed meanwhile
                continue
            states[Path(entry.path)] = found.st_mtime_ns, found.st_size, found.st_ino
        return states


def _sources(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _PASSED_OVER:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _sources(entry.path)
        elif entry.name.endswith(KINDS):
            yield entry
