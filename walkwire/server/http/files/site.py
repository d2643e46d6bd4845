"""Site: answers requests for the files of a folder: which form of a file, which part of it, or that the client has it already.

Everything here blocks: `serve.py` calls it in a thread.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from walkwire.errors import StartError
from walkwire.server.http.files.conditions import Headers, Unsatisfiable, part_for, status_for
from walkwire.server.http.files.encodings import BESIDE, LEAST, MOST, Squeezed, accepted
from walkwire.server.http.files.folder import Folder, Found, IsFolder
from walkwire.server.http.files.media import content_type_of, is_squeezable, type_of

PIECE = 64 * 1024  # bytes that are read and sent at once

_ENDINGS = dict(BESIDE)


class FileReply(NamedTuple):
    """An answer.

    - body: its content, unless `file` has it
    - file: the file whose bytes from `first` until before `end` are the content; None: `body` is
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    file: Found | None = None
    first: int = 0
    end: int = 0


class _Form(NamedTuple):
    """A form of a file: as it is, or compressed."""

    encoding: str | None
    tag: str
    file: Found | None
    body: bytes
    size: int


class Site:
    """The files of a folder.

    - folder: where they are
    - is_app: whether paths without a file are answered with the index at the top, if a page is asked for
    """

    def __init__(self, folder: Folder, *, is_app: bool = False) -> None:
        self._folder = folder
        self._is_app = is_app
        self._squeezed = Squeezed()

    @property
    def has_index(self) -> bool:
        """Return whether the site has a page at its top."""
        return self._folder.has_index

    def reply(
        self, method: str, path: str, raw_path: bytes, query: bytes, headers: Headers
    ) -> FileReply | None:
        """Return the answer to a request; None: there is no such file.

        - path, raw_path, query: as in ASGI
        - headers: returns the value of a header by its name in lower case
        """
        found, vary = self._folder.find(path, raw_path), "Accept-Encoding"
        if found is None and self._asks_for_page(path, headers):
            found, vary = self._folder.index(), "Accept, Accept-Encoding"
        if found is None:
            return None
        if method not in ("GET", "HEAD"):
            return FileReply(405, [("Allow", "GET, HEAD")])
        if isinstance(found, IsFolder):
            # Relative, so that it holds behind a proxy that serves walkwire below a path. Browsers add the query to nothing.
            more = f"?{query.decode('latin-1')}" if query else ""
            return FileReply(307, [("Location", f"./{quote(found.name)}/{more}")])
        try:
            return self._file(method, found, vary, headers)
        except OSError:  # it was removed or replaced a moment ago
            return None

    def _asks_for_page(self, path: str, headers: Headers) -> bool:
        return (
            self._is_app
            and "." not in path.rpartition("/")[2]
            and "text/html" in (headers("accept") or "").lower()
        )

    def _file(self, method: str, found: Found, vary: str, headers: Headers) -> FileReply:
        media_type = type_of(found.name)
        form = self._form(found, media_type, headers)
        told = [
            ("ETag", form.tag),
            ("Last-Modified", formatdate(min(found.seconds, int(time.time())), usegmt=True)),
            ("Cache-Control", "no-cache"),
            ("Vary", vary),
        ]
        status, part = status_for(headers, form.tag, found.seconds), None
        if status != 200:
            return FileReply(status, told)
        if method == "GET" and form.encoding is None:
            try:
                part = part_for(headers, form.tag, found.seconds, form.size)
            except Unsatisfiable:
                return FileReply(416, [("Content-Range", f"bytes */{form.size}"), ("Accept-Ranges", "bytes")])
        told.append(("Content-Type", content_type_of(media_type)))
        told.append(
            ("Accept-Ranges", "bytes") if form.encoding is None else ("Content-Encoding", form.encoding)
        )
        first, end = part or (0, form.size)
        if part is not None:
            status = 206
            told.append(("Content-Range", f"bytes {first}-{end - 1}/{form.size}"))
        told.append(("Content-Length", str(end - first)))
        if method == "HEAD":
            return FileReply(status, told)
        if form.file is None:
            return FileReply(status, told, form.body)
        if end - first <= PIECE:
            return FileReply(status, told, form.file.read(first, end))
        return FileReply(status, told, b"", form.file, first, end)

    def _form(self, found: Found, media_type: str, headers: Headers) -> _Form:
        """Return the form that a client is sent. A part is a part of the file as it is."""
        if headers("range") is None:
            names = accepted(headers("accept-encoding"))
            for name in names:
                beside = self._folder.beside(found, _ENDINGS[name])
                if beside is not None:
                    return _Form(name, _tag(beside, f"-{name}"), beside, b"", beside.version.size)
            size = found.version.size
            if "gzip" in names and LEAST <= size <= MOST and is_squeezable(media_type):
                made = self._squeezed.gzip(found.path, found.version, partial(found.read, 0, size))
                if made is not None:
                    return _Form("gzip", _tag(found, "-gzip"), None, made, len(made))
        return _Form(None, _tag(found), found, b"", found.version.size)


def open_site(folder: Path | None, *, is_public: bool, is_app: bool) -> Site | None:
    """Return the site of a folder, None without one. Raises StartError if it is to be an application's and has no page."""
    site = None if folder is None else Site(Folder(folder, is_public=is_public), is_app=is_app)
    if is_app and (site is None or not site.has_index):
        raise StartError(
            "SPA (--spa) needs a page: an index.html in the folder `public` of the program, or beside its main file. "
            "Give the program's folder to `walkwire serve`, not its file"
        )
    return site


def _tag(found: Found, more: str = "") -> str:
    version = found.version
    return f'"{version.modified:x}-{version.size:x}{more}"'
