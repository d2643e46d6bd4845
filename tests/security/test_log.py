"""The log of a real server: its form, the ids in it, no secret in it, and how little of a flood gets into it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PASSWORD, Server, client, run

PROGRAM = """
import logging

from walkwire import Node, Root, Walker, on_entry


class fail(Walker):
    text: str = ""

    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def break_down(self, here: Root) -> None:
        raise LookupError("nothing is there")


class fail_later(Walker):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    async def break_down(self, here: Root) -> None:
        raise LookupError("nothing is there")


class speak(Walker):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    def say(self, here: Root) -> None:
        logging.getLogger("shop").warning("said in a thread")


class speak_later(Walker):
    class __specs__:
        methods = ["websocket", "post"]
        auth = False

    @on_entry
    async def say(self, here: Root) -> None:
        logging.getLogger("shop").warning("said on the loop of programs")


class typed(Walker):
    number: int = 0

    class __specs__:
        methods = ["websocket", "post", "get"]
        auth = False

    @on_entry
    def answer(self, here: Root) -> None:
        self.report(self.number)


class hook(Walker):
    class __specs__:
        webhook = {"type": "path", "name": "shop_key"}
        path = "{shop_key}"

    @on_entry
    def break_down(self, here: Root) -> None:
        raise LookupError("nothing is there")


class hook_by_query(Walker):
    class __specs__:
        webhook = {"type": "query", "name": "shop_key"}

    @on_entry
    def break_down(self, here: Root) -> None:
        raise LookupError("nothing is there")
"""
MARK = "xyzzy-marked-secret-xyzzy"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ4IjoieHl6enkifQ.{'marked' * 6}"
KILOBYTE = 1024


@pytest.fixture
def program(tmp_path: Path) -> Path:
    place = tmp_path / "program.py"
    place.write_text(PROGRAM)
    return place


def lines(server: Server) -> list[dict[str, Any]]:
    """The log, each line of which has to be JSON."""
    return [json.loads(line) for line in server.log.read_text().splitlines()]


def faults(server: Server) -> list[dict[str, Any]]:
    return [line for line in lines(server) if "Internal error, reference" in line["message"]]


async def test_a_request_has_an_id_that_the_client_and_the_log_get(program: Path, tmp_path: Path) -> None:
    with Server(program, tmp_path, log_format="json") as server:
        for path in ("/walker/typed", "/walker/typed?x=1", "/healthz", "/nowhere", "/user/login"):
            first, second = [
                (await server.request("POST", path, json={})).headers.get_list("X-Request-Id")
                for _ in range(2)
            ]
            assert len(first) == len(second) == 1, path
            assert first != second

        async with client(base_url=server.url) as http:
            for given, is_taken in (
                ("abc-1.2_3", True),
                ("a" * 64, True),
                ("a" * 65, False),
                ("a b", False),
                ('"', False),
            ):
                answer = await http.post("/walker/typed", headers={"X-Request-Id": given}, json={})
                assert (answer.headers["X-Request-Id"] == given) is is_taken
            for number, walker in enumerate(("fail", "fail_later")):
                answer = await http.post(
                    f"/walker/{walker}", headers={"X-Request-Id": f"mine-{number}"}, json={}
                )
                assert answer.status_code == 500
                logged = faults(server)[-1]
                assert logged["request"] == answer.headers["X-Request-Id"] == f"mine-{number}"
                (sentence,) = answer.json()["errors"]
                assert sentence in logged["message"]
                assert logged["level"] == "ERROR"
                assert logged["traceback"].endswith("LookupError: nothing is there")
                assert {"time", "logger"} <= logged.keys()

            for number, walker in enumerate(("speak", "speak_later", "speak")):
                headers = {"X-Request-Id": f"said-{number}"}
                assert (await http.post(f"/walker/{walker}", headers=headers, json={})).is_success
            said = [line["request"] for line in lines(server) if line["logger"] == "shop"]
            assert said == ["said-0", "said-1", "said-2"]

        async with server.connect() as socket:
            answer = await socket.ask({"type": "walker", "walker": "fail", "context": {}, "id": "seven"})
            logged = faults(server)[-1]
            assert (logged["client"], logged["event"]) == (socket.client_id, "seven")
            assert "request" not in logged
            assert logged["message"] in str(answer)


async def test_the_log_is_text_in_development_and_json_in_production(program: Path, tmp_path: Path) -> None:
    secret = "s" * 40
    for arguments, is_json in (((), False), (("--production",), True)):
        with Server(program, tmp_path, *arguments, token_secret=secret) as server:
            server.log.write_text("")
            await server.post("/walker/fail", {})
            first = server.log.read_text().splitlines()[0]
        assert first.startswith("{") is is_json
        assert "Internal error, reference" in first


@pytest.mark.long
async def test_no_secret_and_no_payload_is_in_the_log(program: Path, tmp_path: Path) -> None:
    """A14: a webhook key in a path went into the log. So each route and each event is called with marked secrets, and all output
    is searched for them.
    """
    status, key, _ = run(
        "keys", "create", "shop", "--database", f"sqlite:///{tmp_path}/walkwire.db", folder=tmp_path
    )
    assert status == 0
    api_key = key.strip()
    with Server(program, tmp_path, log_format="json") as server:
        ada = await server.person("ada")
        hook = (await server.post("/webhook/generate-key", {"name": "shop"}, ada.token)).json()["key"]
        for path in (f"/webhook/walker/hook/{hook}", f"/webhook/walker/hook_by_query?shop_key={hook}"):
            assert (await server.post(path)).status_code == 500
        assert server.log.read_text().count("Internal error, reference") == 2
        for token in (ada.token, JWT, MARK, api_key, hook):
            await _call_every_route(server, token)
            await _send_every_event(server, token)
        await _send_garbage(server, 3)
        server.stop()
        output = server.log.read_text() + "\n".join(server.lines)
    letters = hook.rpartition(":")[2]
    for secret in (MARK, JWT, PASSWORD, ada.token, api_key, hook, letters):
        assert secret not in output, output[max(0, output.find(secret) - 500) :][:1000]


async def _call_every_route(server: Server, token: str) -> None:
    paths = (await server.request("GET", "/openapi.json")).json()["paths"]
    fields = (
        "email",
        "password",
        "old_password",
        "new_password",
        "code",
        "token",
        "name",
        "text",
        "number",
        "ids",
    )
    bodies: list[dict[str, Any]] = [
        {"json": dict.fromkeys(fields, MARK)},
        {
            "json": {
                "email": f"{MARK}@example.com",
                "password": MARK,
                "old_password": MARK,
                "new_password": MARK,
            }
        },
        {"content": f'{{"password": "{MARK}"'.encode(), "headers": {"Content-Type": "application/json"}},
        {"content": b"\xff" + MARK.encode()},
    ]
    async with client(base_url=server.url) as http:
        for template, operations in paths.items():
            path = "/".join(MARK if part.startswith("{") else part for part in template.split("/"))
            for method in operations:
                for body in bodies:
                    headers = {
                        "Authorization": f"Bearer {token}",
                        "X-API-KEY": token,
                        "Cookie": f"session={MARK}",
                        **body.get("headers", {}),
                    }
                    query = {"token": MARK, "password": MARK, "shop_key": token}
                    given = {**body, "headers": headers, "params": query}
                    answer = await http.request(method, path, **given)
                    assert answer.status_code < 500 or "fail" in path or "hook" in path, answer.text


async def _send_every_event(server: Server, token: str) -> None:
    events: list[Any] = [
        {"type": "walker", "walker": name, "context": {"text": MARK, "number": number}, "id": MARK[:5]}
        for name in ("fail", "fail_later", "typed", "absent", MARK)
        for number in (1, MARK)
    ]
    events += [
        {"type": "walker", "walker": "typed", "node": MARK, "context": {}},
        {"type": "user", "root_ids": [MARK], "data": MARK},
        {"type": "channel", "channel_ids": [MARK], "data": {"password": MARK}},
        {"type": "client", "client_ids": [MARK], "data": MARK},
        {"type": "join", "channel_ids": [MARK]},
        {"type": "leave", "channel_ids": [MARK]},
        {"type": "change_user", "token": token},
        {"type": MARK, "password": MARK},
        f'{{"type": "walker", "{MARK}',
        b"\x00" + MARK.encode(),
    ]
    async with server.connect(token, channel_id=MARK) as socket:
        for event in events:
            await socket.say(event)
        await socket.settle()


async def _send_garbage(server: Server, number: int) -> None:
    """Requests that are none, and some that are reset."""
    for _ in range(number):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GARBAGE {MARK}\r\nAuthorization: Bearer {MARK}\r\n\r\n".encode() * 3)
            await writer.drain()
            writer.transport.abort()


@pytest.mark.long
async def test_of_a_flood_of_faults_and_garbage_little_gets_into_the_log(
    program: Path, tmp_path: Path
) -> None:
    """A27: 1.7 to 2.6 MB/s of tracebacks. At most 10 KB a second, and what is missing is counted."""
    with Server(program, tmp_path, log_format="json") as server:
        began = time.monotonic()
        async with client(base_url=server.url) as http:
            for _ in range(20):
                answers = await asyncio.gather(*(http.post("/walker/fail", json={}) for _ in range(25)))
                assert {answer.status_code for answer in answers} == {500}
                await asyncio.gather(*(_send_garbage(server, 5) for _ in range(10)))
        async with server.connect() as socket:
            for _ in range(500):
                await socket.say({"type": "walker", "walker": "fail", "context": {}})
            await socket.settle()
        server.stop()
        seconds = time.monotonic() - began
    written = server.log.stat().st_size
    assert written <= 32 * KILOBYTE + 10 * KILOBYTE * seconds
    assert "more like this" in server.log.read_text()
    assert all(line["traceback"].count("Traceback") == 1 for line in lines(server) if "traceback" in line)


@pytest.mark.long
async def test_a_stop_during_a_flood_of_log_ins_is_quiet(program: Path, tmp_path: Path) -> None:
    """A27: a traceback for each log-in that was cancelled."""
    with Server(program, tmp_path, log_format="json", stop_seconds="0.2") as server:
        await server.person("ada")
        body = {"email": "ada@example.com", "password": PASSWORD}
        async with client(base_url=server.url) as http:
            flood = [asyncio.ensure_future(http.post("/user/login", json=body)) for _ in range(60)]
            await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
            server.signal(signal.SIGTERM)
            await asyncio.gather(*flood, return_exceptions=True)
        assert server.wait() == 0
    assert server.log.stat().st_size <= 32 * KILOBYTE
    lines(server)
