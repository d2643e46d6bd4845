"""Pages: serves the console's page and its files, which are part of the package.

The files are built from `console/` by `make console`. The page asks no other host for anything, and its policy forbids it to its
scripts. All URLs are relative, so that it works behind a proxy that serves walkwire below a path.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

FILES = Path(__file__).parent / "static"

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
_FOR_EVER = "public, max-age=31536000, immutable"  # names of built files have a hash of their content


class _File(NamedTuple):
    plain: bytes
    packed: bytes
    tag: str


def serve_console_pages(api: FastAPI) -> None:
    """Add `GET /console` and the files that it loads."""

    async def show(request: Request) -> Response:
        return await _answer(request, "index.html")

    async def show_file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _names():
            return Response("There is no such file\n", 404, HEADERS, "text/plain")
        return await _answer(request, name)

    async def redirect(request: Request) -> Response:
        return RedirectResponse("../console", 307)

    api.add_route("/console", show, include_in_schema=False)
    api.add_route("/console/", redirect, include_in_schema=False)
    api.add_route("/console/{name}", show_file, include_in_schema=False)


async def _answer(request: Request, name: str) -> Response:
    file = await asyncio.to_thread(_read, name)  # packed at its first request
    is_page = name == "index.html"
    headers = HEADERS | {
        "Cache-Control": "no-cache" if is_page else _FOR_EVER,
        "ETag": f'"{file.tag}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(None, 304, headers)
    is_packed = "gzip" in request.headers.get("accept-encoding", "")
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    body = file.packed if is_packed else file.plain
    return Response(body, 200, headers, _TYPES[Path(name).suffix])


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in FILES.iterdir() if path.suffix in _TYPES)


@cache
def _read(name: str) -> _File:
    plain = (FILES / name).read_bytes()
    return _File(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:32])
