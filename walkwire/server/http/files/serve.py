"""Serve: sends the files of a site to requests that no route answers.

Files are read in threads of their own, so that a slow disk delays nothing else. A large file is read piece by piece, no faster
than its client takes it; between two pieces it is closed, and only one piece is in memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import FastAPI, HTTPException
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from walkwire.errors import Busy
from walkwire.server.http.files.site import PIECE, FileReply, Site

THREADS = 4
WAITING = 1000  # reads that wait for a thread or take place

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Files:
    """Serves the files of a site. Raises Busy while too many requests wait for the disk."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pool = ThreadPoolExecutor(THREADS, "files")
        self._waiting = 0

    def close(self) -> None:
        """End the threads. Reads that have not begun are cancelled."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over HTTP. Raises HTTPException (404, 405)."""
        headers = Headers(scope=scope)

        def header(name: str) -> str | None:
            return ", ".join(headers.getlist(name)) or None

        path = scope["path"]
        raw_path = scope.get("raw_path") or path.encode("utf-8", "surrogateescape")
        reply = await self._in_thread(
            lambda: self._site.reply(scope["method"], path, raw_path, scope["query_string"], header)
        )
        if reply is None:
            raise HTTPException(404)
        if reply.status == 405:
            raise HTTPException(405, headers=dict(reply.headers))
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers]
        if reply.status in (307, 412, 416):
            raw.append((b"content-length", b"0"))
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        if reply.file is None:
            await _send_all(reply.body, send)
        else:
            await self._send_file(reply, receive, send)

    async def _send_file(self, reply: FileReply, receive: Receive, send: Send) -> None:
        """Send a part of a file, until the client goes. If the file changes meanwhile, the answer breaks off."""
        assert reply.file is not None
        read, place, end = reply.file.read, reply.first, reply.end
        gone = asyncio.ensure_future(_gone(receive))
        try:
            while place < end and not gone.done():
                after = min(end, place + PIECE)
                body = await self._in_thread(lambda first=place, last=after: read(first, last))  # type: ignore[misc]
                await send({"type": "http.response.body", "body": body, "more_body": after < end})
                place = after
        except OSError as error:  # the connection is closed, as the head of the answer is sent already
            _log.warning("%s: sending it was given up: %s", reply.file.path, error)
        finally:
            gone.cancel()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Busy("Too many requests wait for files")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def serve_files(api: FastAPI, files: Files) -> None:
    """Answer requests over HTTP for which the application has no route."""
    router = api.router
    otherwise = router.default

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (files.answer if scope["type"] == "http" else otherwise)(scope, receive, send)

    router.default = answer


async def _send_all(body: bytes, send: Send) -> None:
    """Send a body piece by piece, so that a client that does not read holds little memory."""
    for place in range(0, len(body), PIECE):
        piece = body[place : place + PIECE]
        await send({"type": "http.response.body", "body": piece, "more_body": place + PIECE < len(body)})
    if not body:
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
