"""Docs: the pages `/docs` (Swagger UI) and `/redoc` (ReDoc). Their scripts are in `assets/`, compressed, with their licences.

The pages ask no other host for anything, and their policy forbids it to the scripts. All their URLs are relative, so that they
work behind a proxy that serves walkwire below a path. `.ci/pages.py` fetches the scripts.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import AsyncIterator
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from walkwire.server.http.files.encodings import accepted

# npm's names and versions of what is in `assets/`
VERSIONS = {"swagger-ui-dist": "5.35.0", "redoc": "2.5.4"}

_FOLDER = Path(__file__).parent / "assets"
_PIECE = 64 * 1024
_SCRIPT, _STYLE = "text/javascript", "text/css"
_ASSETS = {
    "docs/swagger-ui-bundle.js": _SCRIPT,
    "docs/swagger-ui.css": _STYLE,
    "redoc/redoc.standalone.js": _SCRIPT,
}

_START_SWAGGER = """\
SwaggerUIBundle({
  url: "./openapi.json", dom_id: "#page", layout: "BaseLayout", deepLinking: true,
  showExtensions: true, showCommonExtensions: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});"""
_START_REDOC = 'Redoc.init("./openapi.json", {}, document.getElementById("page"));'


_LOOK = """\
body { margin: 0; }
body > nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .7rem 1.25rem; font: 15px system-ui, sans-serif;
  background: #f5f6f8; border-bottom: 1px solid #d5d9e0; }
body > nav a { color: #0b5cad; }"""


class _Page(NamedTuple):
    path: str
    name: str
    assets: tuple[str, ...]
    start: str  # the script that begins
    place: str = "main"  # the element for its content


_PAGES = (
    _Page(
        "/docs", "Swagger UI", ("docs/swagger-ui.css", "docs/swagger-ui-bundle.js"), _START_SWAGGER, "div"
    ),  # which makes a main
    _Page("/redoc", "ReDoc", ("redoc/redoc.standalone.js",), _START_REDOC),
)


def serve_docs(api: FastAPI) -> None:
    """Add the pages that show the description of an application, and their scripts."""
    for page in _PAGES:
        _serve_page(api, page)
    for path, media_type in _ASSETS.items():
        _serve_asset(api, path, media_type)


def _serve_page(api: FastAPI, page: _Page) -> None:
    html = _html(page, f"{api.title} - {page.name}")
    headers = {"Content-Security-Policy": _policy(page.start), "Cache-Control": "no-cache"}

    async def show(request: Request) -> Response:
        return HTMLResponse(html, headers=headers)

    api.add_route(page.path, show, include_in_schema=False)


def _serve_asset(api: FastAPI, path: str, media_type: str) -> None:
    name = path.rpartition("/")[2]

    async def show(request: Request) -> Response:
        is_packed = "gzip" in accepted(request.headers.get("accept-encoding"))
        content = _packed(name) if is_packed else _content(name)
        # Its URL has the version of the package.
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Length": str(len(content)),
            "Vary": "Accept-Encoding",
        }
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        return StreamingResponse(_pieces(content), headers=headers, media_type=media_type)

    api.add_route(f"/{path}", show, include_in_schema=False)


@cache
def _packed(name: str) -> bytes:
    return (_FOLDER / f"{name}.gz").read_bytes()


@cache
def _content(name: str) -> bytes:
    return gzip.decompress(_packed(name))


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    """Yield the content bit by bit, so that a client that does not read holds little memory."""
    for place in range(0, len(content), _PIECE):
        yield content[place : place + _PIECE]


def _html(page: _Page, title: str) -> str:
    number = "-".join(VERSIONS.values())
    tags = [
        f'<link rel="stylesheet" href="{asset}?v={number}">'
        if asset.endswith(".css")
        else f'<script src="{asset}?v={number}"></script>'
        for asset in page.assets
    ]
    styles, scripts = tags[:-1], tags[-1]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
{"".join(styles)}
<style>{_LOOK}</style>
</head>
<body>
<nav aria-label="Descriptions"><a href="./docs">REST</a> <a href="./redoc">REST, to read</a>
<a href="./docs/realtime">Realtime: the WebSocket</a></nav>
<{page.place} id="page"></{page.place}>
<noscript>This page needs JavaScript. The description itself is <a href="./openapi.json">openapi.json</a>.</noscript>
{scripts}
<script>{page.start}</script>
</body>
</html>
"""


def _policy(start: str) -> str:
    """Return what the page may do: run the scripts of this server, and ask this server."""
    digest = base64.b64encode(hashlib.sha256(start.encode()).digest()).decode()
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'sha256-{digest}'",
            "style-src 'self' 'unsafe-inline'",  # both set styles of elements
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src blob:",  # ReDoc searches in a worker
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
