"""The files of a program, from a real server over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import Serve
from tests.serving import Server
from walkwire.server.http.files.serve import THREADS, Files
from walkwire.server.http.files.site import open_site

PROGRAM = """
from fastapi import Response
from walkwire import Walker, on_entry, Root, specs

@specs(methods=["get"], auth=False, path="/api.js", entry_type="ROOT")
class api(Walker):
    @on_entry
    def say(self, here: Root) -> None:
        self.report(Response("a walker", media_type="text/plain"), custom=True)
"""
SCRIPT = "export const answer = 42;\n" * 100
LARGE = os.urandom(3_000_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "main.py").write_text(PROGRAM)
    (folder / "secret.txt").write_text("secret")
    public = folder / "public"
    (public / "assets").mkdir(parents=True)
    (public / "index.html").write_text("<h1>Hello</h1>")
    (public / "assets" / "app.mjs").write_text(SCRIPT)
    (public / "api.js").write_text("a file")
    (public / "large.bin").write_bytes(LARGE)
    (public / "leak.txt").symlink_to(folder / "secret.txt")
    (public / "notes.py").write_text("secret")
    with Server(folder, folder, "--spa") as started:
        yield started


def _raw(server: Server, path: str, *lines: str, method: str = "GET") -> tuple[str, bytes]:
    """The head and the body of an answer to a request that is sent as it is."""
    request = "\r\n".join(
        (f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *lines, "", "")
    )
    with socket.create_connection(("127.0.0.1", server.port)) as wire:
        wire.sendall(request.encode("latin-1"))
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body


def _status(head: str) -> int:
    return int(head.split(" ", 2)[1])


async def test_pages_scripts_and_their_forms_are_served(server: Server) -> None:
    page = await server.request("GET", "/")
    assert (page.status_code, page.text) == (200, "<h1>Hello</h1>")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["vary"] == "Accept-Encoding, Origin"
    script = await server.request("GET", "/assets/app.mjs")
    assert (script.text, script.headers["content-encoding"]) == (SCRIPT, "gzip")
    assert script.headers["content-type"].startswith("text/javascript")
    seen = await server.request("GET", "/assets/app.mjs", headers={"If-None-Match": script.headers["etag"]})
    assert (seen.status_code, seen.content, seen.headers["etag"]) == (304, b"", script.headers["etag"])
    assert "content-length" not in seen.headers


def test_a_large_file_arrives_whole_and_in_parts(server: Server) -> None:
    head, body = _raw(server, "/large.bin")
    assert (_status(head), body == LARGE) == (200, True)
    head, body = _raw(server, "/large.bin", "Range: bytes=100000-299999")
    assert (_status(head), body == LARGE[100000:300000]) == (206, True)
    assert "content-range: bytes 100000-299999/3000000" in head
    head, body = _raw(server, "/large.bin", "Range: bytes=3000000-")
    assert (_status(head), body) == (416, b"")
    head, body = _raw(server, "/large.bin", method="HEAD")
    assert (_status(head), body, "content-length: 3000000" in head) == (200, b"", True)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/../main.py",
            "/%2e%2e/main.py",
            "/..%2fmain.py",
            "/assets/../../main.py",
            "/..%5cmain.py",
            "//etc/passwd",
        ),
        *("/notes.py", "/notes.py%00.js", "/leak.txt", "/.env", "/assets%2fapp.mjs", "/%c0%ae%c0%ae/main.py"),
        *("/main.py", "/public/index.html", "/site/main.py", "/secret.txt", "/walkwire.db"),
    ],
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    head, body = _raw(server, path, "Accept-Encoding: identity")
    assert _status(head) == 404, head
    assert body == b'{"detail":"Not Found"}'


async def test_routes_win_over_files(server: Server) -> None:
    assert (await server.request("GET", "/api.js")).text == "a walker"
    assert (await server.request("GET", "/healthz")).text == "ok"
    refused = await server.request("POST", "/assets/app.mjs")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_paths_of_an_application_get_its_page(server: Server) -> None:
    accept = {"Accept": "text/html"}
    page = await server.request("GET", "/boards/7", headers=accept)
    assert (page.status_code, page.text) == (200, "<h1>Hello</h1>")
    assert page.headers["vary"] == "Accept, Accept-Encoding, Origin"
    assert (await server.request("GET", "/boards/7")).status_code == 404
    assert (await server.request("GET", "/walker/nothing", headers=accept)).status_code == 404
    assert (await server.request("GET", "/missing.js", headers=accept)).status_code == 404


async def test_a_client_that_does_not_read_holds_no_file_and_no_thread(tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(LARGE)
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    scope = {"type": "http", "method": "GET", "path": "/large.bin", "query_string": b"", "headers": []}
    stuck, never = asyncio.Semaphore(0), asyncio.Event()

    async def stall(message: Any) -> None:
        if message["type"] == "http.response.body":
            stuck.release()
            await never.wait()

    async def receive() -> Any:
        await never.wait()

    said: list[Any] = []

    async def hear(message: Any) -> None:
        said.append(message)

    site = open_site(tmp_path, is_public=True, is_app=False)
    assert site is not None
    with closing(Files(site)) as files:
        waiting = [asyncio.ensure_future(files.answer(scope, receive, stall)) for _ in range(2 * THREADS)]
        for _ in waiting:
            await stuck.acquire()
        assert not any(name.endswith("large.bin") for name in _open_files())
        await files.answer(scope | {"path": "/"}, receive, hear)
        assert said[-1]["body"] == b"<h1>Hello</h1>"
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_rest_is_not_read_for_a_client_that_has_gone(tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(LARGE)
    scope = {"type": "http", "method": "GET", "path": "/large.bin", "query_string": b"", "headers": []}
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    site = open_site(tmp_path, is_public=True, is_app=False)
    assert site is not None
    with closing(Files(site)) as files:
        await files.answer(scope, receive, send)
    assert len(sent) < 3


def test_a_file_that_is_replaced_while_it_is_sent_breaks_off(server: Server, tmp_path: Path) -> None:
    public = server.log.parent / "public"
    (public / "moving.bin").write_bytes(LARGE * 4)
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.connect(("127.0.0.1", server.port))
        wire.sendall(b"GET /moving.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = wire.recv(1024)
        assert b"content-length: 12000000" in head
        (tmp_path / "new").write_bytes(b"other")
        (tmp_path / "new").replace(public / "moving.bin")
        size = sum(map(len, iter(lambda: wire.recv(65536), b"")))
    assert size < 12_000_000
    assert "moving.bin: sending it was given up: the file has changed" in server.log.read_text()


def _open_files() -> list[str]:
    found = []
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(str(file.readlink()))
    return found


async def test_a_folder_with_a_page_shows_web_files_only(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    for name in ("style.css", "main.jac", "walkwire.db", "settings.json", "notes.txt"):
        (tmp_path / name).write_text(name)
    http = serve(site=open_site(tmp_path, is_public=False, is_app=False))
    for path in ("/", "/index.html", "/style.css"):
        assert (await http.get(path)).status_code == 200
    for path in ("/main.jac", "/walkwire.db", "/settings.json", "/notes.txt"):
        assert (await http.get(path)).status_code == 404
    assert (await serve().get("/")).status_code == 404


async def test_compressed_bytes_come_as_they_are(server: Server) -> None:
    head, body = _raw(server, "/assets/app.mjs", "Accept-Encoding: gzip;q=0.5, br")
    assert "content-encoding: gzip" in head
    assert gzip.decompress(body).decode() == SCRIPT
