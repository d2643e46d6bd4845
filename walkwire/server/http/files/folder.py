"""Folder: finds the files of a folder by the paths of requests, and reads them. Everything here blocks: call it in a thread."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple

from walkwire.server.http.files.names import INDEX, is_served, parts_of


class Version(NamedTuple):
    """What tells one version of a file from another. `modified` are nanoseconds of Unix time, `size` bytes."""

    device: int
    inode: int
    modified: int
    size: int


class Found(NamedTuple):
    """A file that may be served. `path` has no symbolic links."""

    path: str
    version: Version

    @property
    def name(self) -> str:
        """Return its name, without folders."""
        return os.path.basename(self.path)  # noqa: PTH119 - the path is a string

    @property
    def seconds(self) -> int:
        """Return when it was modified, Unix seconds."""
        return self.version.modified // 1_000_000_000

    def read(self, first: int, end: int) -> bytes:
        """Return the bytes from `first` until before `end`. Raises OSError, also if the file is another one by now."""
        with open(self.path, "rb", buffering=0) as file:  # noqa: PTH123 - the path is a string
            if _version_of(os.fstat(file.fileno())) != self.version:
                raise OSError("the file has changed")
            file.seek(first)
            parts, left = [], end - first
            while left and (part := file.read(left)):
                parts.append(part)
                left -= len(part)
        if left:
            raise OSError("the file has changed")
        return b"".join(parts)


class IsFolder(NamedTuple):
    """A folder with an index, whose path lacks the slash at its end. `name` is that of the folder."""

    name: str


class Folder:
    """A folder of files.

    - root: the folder. It may be a symbolic link; in it, links count only if they lead to files that are served anyway
    - is_public: whether it holds nothing but what is to be served (see `names.is_served`)
    """

    def __init__(self, root: Path, *, is_public: bool) -> None:
        self._root = os.path.realpath(root)
        self._is_public = is_public

    @property
    def has_index(self) -> bool:
        """Return whether there is an index at its top."""
        return self.index() is not None

    def index(self) -> Found | None:
        """Return the index at its top."""
        return self._file((INDEX,))

    def find(self, path: str, raw_path: bytes) -> Found | IsFolder | None:
        """Return what a request's path names. See `names.parts_of`."""
        parts = parts_of(path, raw_path)
        if parts is None:
            return None
        if not parts[-1]:
            return self._file((*parts[:-1], INDEX))
        if (found := self._file(parts)) is not None:
            return found
        return None if self._file((*parts, INDEX)) is None else IsFolder(parts[-1])

    def beside(self, found: Found, ending: str) -> Found | None:
        """Return the file whose name has `ending` more: a compressed form. None if it is older."""
        place = self._real(found.path + ending)
        form = None if place is None else _found(place)
        return form if form is not None and form.seconds >= found.seconds else None

    def _file(self, parts: tuple[str, ...]) -> Found | None:
        if not is_served(parts, is_public=self._is_public):
            return None
        place = self._real(os.path.join(self._root, *parts))  # noqa: PTH118 - strings: a path is made for every request
        if place is None:
            return None
        inside = Path(place).relative_to(self._root).parts  # other names than `parts`, if there are links
        return _found(place) if is_served(inside, is_public=self._is_public) else None

    def _real(self, path: str) -> str | None:
        """Return the path without symbolic links; None if there is no such file in the folder."""
        try:
            place = os.path.realpath(path, strict=True)
        except (OSError, ValueError):  # ValueError: NUL, or a lone surrogate
            return None
        root = self._root if self._root.endswith(os.sep) else self._root + os.sep
        return place if place.startswith(root) else None


def _found(place: str) -> Found | None:
    try:
        status = os.stat(place)  # noqa: PTH116 - the path is a string
    except OSError:
        return None
    return Found(place, _version_of(status)) if stat.S_ISREG(status.st_mode) else None


def _version_of(status: os.stat_result) -> Version:
    return Version(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
