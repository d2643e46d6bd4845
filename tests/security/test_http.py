"""Attacks over HTTP on a server in production, each as one stranger would make it. Each failed before its bound was there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.serving import PATIENCE, Person, Server, client

PROGRAM = Path(__file__).parent / "programs" / "front.py"
MEBIBYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}
SECRET = "a secret for tests, of 32 bytes or more"
FORM = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n'
FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("front")
    with Server(PROGRAM, folder, "--production", token_secret=SECRET, metrics="true") as made:
        yield made


@pytest.fixture
async def ada(server: Server) -> Person:
    return await server.person("ada")


def details(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(problem["type"], problem["msg"]) for problem in answer.json()["detail"]]


async def refused(server: Server, code: str) -> float:
    """How many errors with this code the server has counted."""
    lines = (await server.request("GET", "/metrics")).text.splitlines()
    (line,) = [line for line in lines if line.startswith(f'walkwire_refusals_total{{code="{code}"}}')]
    return float(line.rpartition(" ")[2])


async def raw(server: Server, head: str, body: bytes = b"") -> bytes:
    """Send a request as it is, and give the answer as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.partition(b":")[2])
                    for line in answer.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            return answer + await reader.readexactly(length)
    finally:
        writer.close()


# A2: fields that only the program may set


async def test_an_excluded_field_is_set_neither_over_rest_nor_by_an_event(server: Server) -> None:
    assert await server.walk("buy", article="milk", price=1) == [["milk", 100]]
    async with server.connect() as socket:
        event = {
            "type": "walker",
            "walker": "buy",
            "response": True,
            "context": {"article": "milk", "price": 1},
        }
        assert await socket.ask(event) == {"status": 200, "reports": [["milk", 100]]}


# A7, A19: uploads


async def test_the_upload_of_a_stranger_is_refused_before_it_is_read(server: Server) -> None:
    head = f"POST /walker/keep_file HTTP/1.1\nHost: x\nContent-Type: {FORM_TYPE['Content-Type']}\n"
    for token, status in (("", b"403"), ("Authorization: Bearer nonsense\n", b"401")):
        # The form never ends: only a server that does not wait for it can answer.
        answer = await raw(
            server, f"{head}{token}Content-Length: 1000000000\n", FORM % (b"file", b"a") + b"x" * 100_000
        )
        assert answer.startswith(b"HTTP/1.1 " + status)


async def pieces(name: bytes, size: int) -> AsyncIterator[bytes]:
    """A form with one file, which is made while it is sent."""
    yield FORM % (name, b"a.bin")
    for _ in range(size // MEBIBYTE):
        yield b"x" * MEBIBYTE
    yield b"\r\n--b--\r\n"


async def test_a_file_has_sixteen_mebibytes_at_most(server: Server, ada: Person) -> None:
    async with client(base_url=server.url) as http:
        headers = FORM_TYPE | {"Authorization": f"Bearer {ada.token}"}
        before = await refused(server, "too_large")
        answer = await http.post("/walker/keep_file", headers=headers, content=pieces(b"file", 17 * MEBIBYTE))
        assert (answer.status_code, answer.json()) == (
            413,
            {"detail": {"error": "A file has at most 16777216 bytes"}},
        )
        assert await refused(server, "too_large") == before + 1
        answer = await http.post("/walker/keep_file", headers=headers, content=pieces(b"file", 16 * MEBIBYTE))
        assert answer.json()["reports"] == [["a.bin", 16 * MEBIBYTE]]


async def test_a_form_has_thirty_two_mebibytes_at_most(server: Server) -> None:
    files = [("files", ("a", b"x" * (15 * MEBIBYTE))) for _ in range(3)]
    answer = await server.request("POST", "/walker/show_files", files=files)
    assert (answer.status_code, answer.json()["detail"]["error"]) == (
        413,
        "A form has at most 33554432 bytes",
    )


async def test_a_form_has_a_hundred_parts_at_most(server: Server) -> None:
    files = [("files", ("a", b"x"))] * 100
    answer = await server.request("POST", "/walker/show_files", files=files)
    assert answer.json()["reports"] == [[["a", 1]] * 100]
    answer = await server.request("POST", "/walker/show_files", files=[*files, files[0]])
    assert (answer.status_code, answer.json()["detail"]["error"]) == (413, "A form has at most 100 parts")
    fields = "&".join(["a=1"] * 101)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    async with client(base_url=server.url) as http:
        answer = await http.post("/walker/show_files", content=fields, headers=kind)
    assert answer.status_code == 400


async def test_all_forms_together_are_bounded(tmp_path: Path) -> None:
    """One form stands for many here: `tests/server/http/walkers/test_form.py` has two at a time."""
    with Server(PROGRAM, tmp_path, forms_bound="2MiB") as server:
        for _ in range(3):  # a refused form is not counted any more
            answer = await server.request(
                "POST", "/walker/show_files", files={"files": ("a", b"x" * MEBIBYTE)}
            )
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            for _ in range(3):  # nor is one that was used
                file = ("a", b"x" * (MEBIBYTE // 2))
                answer = await server.request("POST", "/walker/show_files", files={"files": file})
                assert answer.json()["reports"] == [[["a", MEBIBYTE // 2]]]


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (b"../../../etc/passwd", "passwd"),
        (b"..\\..\\system.ini", "system.ini"),
        (b"/etc/passwd", "passwd"),
        (b"..", "file"),
        (b"a/..", "file"),
        (b"n\x01ul.txt", "nul.txt"),
        (b"x" * 1000 + b".txt", "x" * 251 + ".txt"),
    ],
)
async def test_a_file_of_a_client_has_a_name_without_folders(sent: bytes, seen: str, server: Server) -> None:
    """A31: a program that opens the name writes beside its other files."""
    async with client(base_url=server.url) as http:
        part = FORM % (b"files", sent.replace(b"\\", b"\\\\")) + b"x\r\n"
        answer = await http.post("/walker/show_files", headers=FORM_TYPE, content=part * 2 + b"--b--\r\n")
    assert answer.json()["reports"] == [[[seen, 1]] * 2]


async def test_the_head_of_a_form_has_few_parameters(server: Server) -> None:
    """The time to read them grows with their square: 60,000 held the event loop for 600 ms."""
    body = FORM % (b"files", b"a") + b"x\r\n--b--\r\n"
    kind = "multipart/form-data%s; boundary=b"
    async with client(base_url=server.url) as http:
        for more, status in (("", 200), (";" * 60_000, 400), ("; a*0=b" * 6_000, 400)):
            headers = {"Content-Type": kind % more}
            answer = await http.post("/walker/show_files", headers=headers, content=body)
            assert answer.status_code == status
        part = body.replace(b"form-data;", b"form-data" + b";a*0=b" * 600 + b";")
        answer = await http.post("/walker/show_files", headers=FORM_TYPE, content=part)
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "body", [b"xyzzy" * 20, b"--b\r\n@@xyzzy: 1\r\n\r\n", b"--b\r\nxyzzy\r\n\r\n", b"--b--xyzzy"]
)
async def test_a_wrong_form_is_answered_and_not_logged(server: Server, body: bytes) -> None:
    async with client(base_url=server.url) as http:
        for _ in range(20):
            answer = await http.post("/walker/show_files", headers=FORM_TYPE, content=body)
            assert answer.status_code in (400, 422)
    written = server.log.read_text()
    assert "multipart" not in written
    assert "xyzzy" not in written


# A8: what validation costs, and what its errors repeat


async def test_a_body_has_ten_thousand_values_at_most(server: Server) -> None:
    assert await server.walk("add", numbers=[1] * 9_000) == [9_000]
    beyond: list[Any] = [[1] * 10_000, ["x"] * 10_000, [[]] * 10_000, [10**4000] * 100]
    for numbers in beyond:
        answer = await server.post("/walker/add", {"numbers": numbers})
        assert (answer.status_code, answer.json()) == (
            413,
            {"detail": {"error": "JSON has at most 10000 values here"}},
        )
    files = {"files": ("a", b"x"), "body": ("b", json.dumps({"numbers": [1] * 10_000}))}
    answer = await server.request("POST", "/walker/show_files", files=files)
    assert (answer.status_code, answer.json()["detail"]["error"]) == (
        413,
        "JSON has at most 10000 values here",
    )


async def test_the_context_of_an_event_has_ten_thousand_values_at_most(server: Server) -> None:
    async with server.connect() as socket:
        event = {"type": "walker", "walker": "add", "response": True}
        heard = await socket.ask(event | {"context": {"numbers": ["x"] * 10_000}})
        assert "10000 values" in heard["error"]
        assert (await socket.ask(event | {"context": {"numbers": [1] * 5_000}}))["reports"] == [5_000]


LONG = "k" * 200_000
BODIES: list[tuple[str, str, Any]] = [
    # path, method, a body of a mebibyte at most with many errors in it
    ("/walker/add", "POST", {"numbers": ["x"] * 9_000}),
    ("/walker/add", "POST", {"more": {LONG: ["x"] * 90}}),  # each error names the key
    ("/webhook/generate-key", "POST", {"name": "a", "walkers": [1] * 9_000}),
    ("/webhook/delete", "DELETE", {"ids": [1] * 9_000}),
    ("/user/register", "POST", {"email": [1] * 9_000, "password": {}}),
    ("/user/login", "POST", {"x": "y" * 900_000}),
    ("/user/change_password", "POST", {"x": "y" * 900_000}),
]


@pytest.mark.parametrize(("path", "method", "body"), BODIES)
async def test_an_answer_to_many_errors_is_short(
    path: str, method: str, body: Any, server: Server, ada: Person
) -> None:
    answer = await server.request(method, path, ada.token, json=body)
    assert answer.status_code == 422
    assert len(answer.content) < 70_000


async def test_an_error_of_an_event_is_short(server: Server) -> None:
    async with server.connect((await server.user()).token) as socket:  # a stranger may not send so much
        for context in ({"more": {LONG: ["x"] * 90}}, {"more": {f"k{i}": ["y" * 9_000] for i in range(100)}}):
            await socket.say({"type": "walker", "walker": "add", "context": context})
            heard = await socket.wire.recv()
            assert len(heard) < 70_000
            assert "error" in json.loads(heard)


async def test_a_query_has_a_thousand_parameters_at_most(server: Server) -> None:
    answer = await server.request("GET", "/walker/add_query?" + "&".join(["numbers=1"] * 1_000))
    assert answer.json()["reports"] == [1_000]
    answer = await server.request("GET", "/walker/add_query?" + "&".join(["numbers=x"] * 1_000))
    assert (answer.status_code, details(answer)) == (422, [("too_many_errors", "1000 values are wrong")])
    for path in ("/walker/add_query", "/healthz"):
        answer = await server.request("GET", f"{path}?" + "&".join(["a"] * 1_001))
        assert (answer.status_code, answer.json()) == (
            414,
            {"detail": {"error": "A query has at most 1000 parameters"}},
        )


async def test_an_upgrade_with_a_longer_query_is_refused(server: Server) -> None:
    for count, code in ((999, None), (1_000, 4003)):
        async with connect(f"{server.socket_url}?{'a&' * count}", proxy=None) as socket:
            if code is None:
                assert json.loads(await socket.recv())["type"] == "connection"
                continue
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code


# A28: answers


async def test_an_answer_has_sixteen_mebibytes_at_most(server: Server) -> None:
    eve = await server.user()
    answer = await server.post("/walker/fill", {"size": 17 * MEBIBYTE}, eve.token)
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": {"error": "The answer has more than 16777216 bytes. Please ask for less!"}},
    )
    assert await server.walk("count_pages", eve.token) == [0]  # nothing of the walk is kept
    assert len((await server.walk("fill", eve.token, size=15 * MEBIBYTE))[0]) == 15 * MEBIBYTE


@pytest.mark.parametrize("path", ["/util/traverse", "/util/traverse-stream"])
async def test_a_list_of_a_large_graph_is_refused(path: str, tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path, answer_limit="1MiB") as server:
        eve = await server.user()
        await server.walk("write", eve.token, count=20, size=60_000)
        answer = await server.request("GET", f"{path}?detailed=true&depth=2", eve.token)
        assert (answer.status_code, answer.json()) == (
            400,
            {"detail": {"error": "More than 1048576 bytes of fields: choose a smaller depth"}},
        )
        answer = await server.request("GET", f"{path}?depth=2", eve.token)
        assert answer.is_success


async def test_a_node_with_very_many_edges_is_refused_before_its_edges_are_listed(server: Server) -> None:
    eve = await server.user()
    await server.walk("write", eve.token, count=10_100, size=1)
    answer = await server.request("GET", "/util/traverse?edge_types=Nothing", eve.token)
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": {"error": "More than 10000 nodes and edges: choose a smaller depth"}},
    )


# A31: heads that can be read in two ways

UPGRADE = (
    "GET /websocket HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n"
    "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)
BEGINNINGS = ["GET /healthz HTTP/1.1\n", "POST /walker/add HTTP/1.1\nContent-Length: 0\n", UPGRADE]


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_a_request_with_no_host_or_two_is_refused(beginning: str, server: Server) -> None:
    before = await refused(server, "bad_event")
    for more in ("", "Host: a\nHost: a\n", "Host: a\nHost: b\n"):
        assert (await raw(server, beginning + more)).startswith(b"HTTP/1.1 400"), more
    assert (await raw(server, beginning + "Host: a\n"))[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 101")
    if beginning is not UPGRADE:
        assert await refused(server, "bad_event") == before + 3


@pytest.mark.parametrize("beginning", BEGINNINGS)
async def test_a_request_with_two_tokens_is_refused(beginning: str, server: Server, ada: Person) -> None:
    """REST took the first of them and the socket the last: a proxy that checks one could let the other pass."""
    for token in ("nonsense", ada.token):
        head = f"{beginning}Host: a\nAuthorization: Bearer {token}\nAuthorization: Bearer {ada.token}\n"
        assert (await raw(server, head)).startswith(b"HTTP/1.1 400")


async def test_a_health_check_over_http_1_0_needs_no_host(server: Server) -> None:
    assert (await raw(server, "GET /healthz HTTP/1.0\n")).startswith(b"HTTP/1.1 200")


# Refusals that say when to come back


async def test_too_many_requests_say_when_to_come_back(server: Server) -> None:
    for own in (True, False):
        answer = await server.post("/walker/refuse", {"own": own})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
