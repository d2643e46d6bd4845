"""A server process: what it says when it is ready, and how it stops."""

from __future__ import annotations

import asyncio
import json
import select
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.brokers.service import is_open
from tests.serving import PATIENCE, Server, run, signal_until_the_end
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT, root_reference
from walkwire.server.process.listen import bind
from walkwire.server.process.process import _has_unread

# Nothing here needs certificates, which take 15 ms of the processor to load.
get, post = partial(httpx.get, verify=False), partial(httpx.post, verify=False)
PROGRAM = '''
import time
from pathlib import Path
from walkwire import Node, Root, Walker, on_entry, socket, specs

class Visit(Node):
    number: int

class count(Walker):
    """Counts its visits."""

    @on_entry
    def add(self, here: Root) -> None:
        here.connect(Visit(number=1))
        self.report(len(here.out(Visit)))

@specs(auth=False)
class wait_for_nothing(Walker):
    @on_entry
    def answer(self, here: Root) -> None:
        self.report("served")

@specs(auth=False, methods=["post", "websocket"])
class wait_for_go(Walker):
    @on_entry
    def wait(self, here: Root) -> None:
        print("began", flush=True)
        while not Path("go").exists():
            time.sleep(0.005)
        socket.notify_self({"told": True})
        self.report("done")
'''
WALK = b"POST /walker/wait_for_nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "main.py"
    path.write_text(PROGRAM)
    return path


@pytest.fixture
def server(program: Path, tmp_path: Path) -> Iterator[Server]:
    with Server(program, tmp_path) as running:
        yield running


def test_it_says_where_to_look(server: Server) -> None:
    port = urlsplit(server.url).port
    for line in (
        f"WebSocket: ws://127.0.0.1:{port}/websocket",
        f"API: http://127.0.0.1:{port}/docs",
        "count: post  users  /walker/count  /walker/count/{node}",
        "wait_for_go: post websocket  everybody  /walker/wait_for_go  /walker/wait_for_go/{node}",
        "Mode: development",
        "May send channel events: all",
    ):
        assert line in server.lines
    assert get(f"{server.url}/healthz").status_code == 200
    assert get(f"{server.url}/docs").status_code == 200


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 4200), (signal.SIGINT, 1001)])
def test_a_signal_ends_it_with_a_goodbye_to_its_sockets_and_with_zero(
    number: signal.Signals, code: int, server: Server
) -> None:
    with connect(server.socket_url) as first, connect(server.socket_url) as second:
        for client in (first, second):
            assert json.loads(client.recv())["type"] == "connection"
        server.signal(number)
        for client in (first, second):
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code
            assert set(json.loads(closed.value.rcvd.reason)) == {"reconnect_in", "reason"}
    assert server.wait() == 0
    assert server.log.read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_walks_in_flight_end_and_are_answered_before_it_goes(
    number: signal.Signals, server: Server, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as pool, connect(server.socket_url) as client:
        client.recv()
        over_rest = pool.submit(httpx.post, f"{server.url}/walker/wait_for_go", timeout=30)
        assert server.read_line() == "began\n"
        client.send('{"type":"walker","walker":"wait_for_go","response":true}')
        assert server.read_line() == "began\n"
        server.signal(number)
        _wait_until_refused(server.url)
        (tmp_path / "go").touch()
        assert over_rest.result().json() == {"status": 200, "reports": ["done"]}
        assert json.loads(client.recv(timeout=30)) == {"told": True}
        assert json.loads(client.recv(timeout=30)) == {"status": 200, "reports": ["done"]}
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=30)
    assert server.wait() == 0


def test_walks_that_do_not_end_are_left_after_a_while(program: Path, tmp_path: Path) -> None:
    with (
        Server(program, tmp_path, stop_seconds="0.3") as server,
        connect(server.socket_url) as client,
    ):
        client.send('{"type":"walker","walker":"wait_for_go"}')
        assert server.read_line() == "began\n"
        server.signal(signal.SIGTERM)
        assert _code_of_close(client) == 4200
        assert server.wait() == 0
        assert "did not end within 0.3 seconds" in server.log.read_text()


def test_a_second_signal_does_not_wait(program: Path, tmp_path: Path) -> None:
    with (
        Server(program, tmp_path, stop_seconds="60") as server,
        connect(server.socket_url) as client,
    ):
        client.send('{"type":"walker","walker":"wait_for_go"}')
        assert server.read_line() == "began\n"
        server.signal(signal.SIGTERM)
        _wait_until_refused(server.url)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_zero_however_many_signals_come(number: signal.Signals, server: Server) -> None:
    with connect(server.socket_url) as client:
        client.recv()
        signal_until_the_end(server, number)
    assert server.wait() == 0
    assert server.log.read_text() == ""


def test_idle_http_connections_do_not_hold_it_up(server: Server) -> None:
    with httpx.Client(verify=False, timeout=PATIENCE) as client:
        assert client.get(f"{server.url}/healthz").status_code == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


async def test_a_request_that_has_arrived_at_an_idle_connection_is_noticed_before_the_loop_reads_it() -> None:
    class Idle(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            made.set_result(self)

    loop = asyncio.get_running_loop()
    made: asyncio.Future[Idle] = loop.create_future()
    server = await loop.create_server(Idle, "127.0.0.1", 0)
    async with server:
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            idle = await made
            assert not _has_unread(idle)
            client.sendall(b"POST /walker/count HTTP/1.1\r\n")
            assert _has_unread(idle)
            idle.transport.close()
            await asyncio.sleep(0)
            assert not _has_unread(idle)


def test_users_tokens_and_graph_outlive_a_restart(program: Path, tmp_path: Path) -> None:
    account = {"email": "ada@example.com", "password": "secret"}
    with Server(program, tmp_path) as server:
        post(f"{server.url}/user/register", json=account)
        token = post(f"{server.url}/user/login", json=account).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert post(f"{server.url}/walker/count", headers=headers).json()["reports"] == [1]
        server.kill()
    with Server(program, tmp_path) as server:
        assert post(f"{server.url}/walker/count", headers=headers).json()["reports"] == [2]


def test_a_new_password_makes_the_users_open_sockets_public(server: Server) -> None:
    account = {"email": "ada@example.com", "password": "secret"}
    post(f"{server.url}/user/register", json=account)
    body = post(f"{server.url}/user/login", json=account).json()
    headers = {"Authorization": f"Bearer {body['token']}"}
    with connect(server.socket_url, additional_headers=headers) as client:
        assert json.loads(client.recv())["data"]["root_id"] == root_reference(body["user"]["root_id"])
        change = {"old_password": "secret", "new_password": "better"}
        assert post(f"{server.url}/user/change_password", json=change, headers=headers).status_code == 200
        client.send('{"type":"connection"}')
        assert json.loads(client.recv())["data"]["root_id"] == root_reference(PUBLIC_ROOT)
    with connect(server.socket_url, additional_headers=headers) as client:
        assert json.loads(client.recv())["data"]["root_id"] == root_reference(PUBLIC_ROOT)


def test_no_secret_is_in_what_it_writes(program: Path, tmp_path: Path) -> None:
    account = {"email": "ada@example.com", "password": "hush hush"}
    with Server(program, tmp_path, token_secret="k" * 40) as server:
        post(f"{server.url}/user/register", json=account)
        token = post(f"{server.url}/user/login", json=account).json()["token"]
        post(f"{server.url}/walker/count", headers={"Authorization": f"Bearer {token}"})
        server.signal(signal.SIGTERM)
        server.wait()
        written = "\n".join(server.lines) + server.log.read_text()
    for secret in ("hush", token, "k" * 40):
        assert secret not in written


def test_a_port_in_use_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} of 127.0.0.1 is in use.*--port"):
            bind("127.0.0.1", port)


def test_a_port_at_which_another_begins_to_listen_meanwhile_is_said_so(program: Path, tmp_path: Path) -> None:
    (listener,) = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    program.write_text(f"import socket\ntaken = socket.create_server(('127.0.0.1', {port}))\n")
    with listener:
        code, _, errors = run("serve", str(program), "--port", str(port), folder=tmp_path)
    assert code == 2
    assert f"Port {port} of 127.0.0.1 is in use" in errors


def test_a_host_that_is_not_there_is_said_so() -> None:
    with pytest.raises(StartError, match=r"There is no address of the name 'nowhere\.invalid'"):
        bind("nowhere.invalid", 0)
    with pytest.raises(StartError, match=r"Port 80\d\d of 192.0.2.1 cannot be opened"):
        bind("192.0.2.1", 8012)


def test_all_addresses_of_a_name_share_the_port_that_was_free() -> None:
    listeners = bind("localhost", 0)
    try:
        assert len({listener.getsockname()[1] for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def _wait_until_refused(url: str) -> None:
    """Until no connection is taken any more: the stop has begun."""
    address = urlsplit(url)
    while True:
        try:
            socket.create_connection((str(address.hostname), int(address.port or 0))).close()
        except ConnectionResetError:  # it came just as the door was closed
            continue
        except ConnectionRefusedError:
            return


def _code_of_close(client: ClientConnection) -> int | None:
    try:
        while True:
            client.recv(timeout=30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def test_a_drain_says_so_first_and_sends_the_sockets_elsewhere_little_by_little(
    program: Path, tmp_path: Path
) -> None:
    with (
        Server(program, tmp_path, "--drain-seconds", "2") as server,
        httpx.Client(base_url=server.url, verify=False, timeout=PATIENCE) as http,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(connect(server.socket_url)) for _ in range(20)]
        busy = stack.enter_context(connect(server.socket_url))
        for client in [*clients, busy]:
            client.recv()
        busy.send('{"type":"walker","walker":"wait_for_go","id":1}')
        assert server.read_line() == "began\n"
        assert http.get("/healthz/ready").status_code == 200
        server.signal(signal.SIGTERM)
        while http.get("/healthz/ready").status_code == 200:
            pass
        assert http.get("/healthz/ready").json() == {"ready": False, "reason": "the server is stopping"}
        assert http.get("/healthz").status_code == 200
        assert http.post("/walker/wait_for_nothing").json()["reports"] == ["served"]
        assert http.get("/healthz").headers["connection"] == "close"
        for headers in ([], [("X-Twice", "1"), ("X-Twice", "2")]):  # plain, and by way of uvicorn
            with (
                pytest.raises(InvalidStatus) as refused,
                connect(server.socket_url, additional_headers=headers),
            ):
                pass
            assert refused.value.response.status_code == 503
            assert refused.value.response.headers["Retry-After"] == "1"
            assert refused.value.response.headers["Connection"] == "close"
        with ThreadPoolExecutor(20) as pool:
            ends = sorted(pool.map(_end_of, clients))
        assert {code for _, code in ends} == {4200}
        assert ends[-1][0] - ends[0][0] > 1, "spread over most of the two seconds"
        (tmp_path / "go").touch()
        assert json.loads(busy.recv(timeout=30)) == {"told": True}
        assert json.loads(busy.recv(timeout=30))["ok"] is True
        assert _code_of_close(busy) == 4200
        assert server.wait() == 0


def test_after_a_drain_requests_are_served_on_connections_that_a_load_balancer_has(
    program: Path, tmp_path: Path
) -> None:
    with (
        Server(program, tmp_path, "--drain-seconds", "1") as server,
        socket.create_connection(("127.0.0.1", server.port)) as unused,
        socket.create_connection(("127.0.0.1", server.port)) as kept,
    ):
        connections = (unused, kept)
        kept.sendall(WALK)
        assert b"served" in kept.recv(4096)
        server.signal(signal.SIGTERM)
        while is_open(server.port):
            assert select.select(connections, [], [], 0.01)[0] == []
        assert select.select(connections, [], [], 0.3)[0] == [], "neither is closed"
        for connection in connections:
            connection.sendall(WALK)
            answer = connection.recv(4096)
            assert b"served" in answer
            assert b"connection: close" in answer
            assert connection.recv(1) == b""
        assert server.wait() == 0


def test_a_second_signal_ends_a_drain(program: Path, tmp_path: Path) -> None:
    with (
        Server(program, tmp_path, "--drain-seconds", "600") as server,
        httpx.Client(base_url=server.url, verify=False, timeout=PATIENCE) as http,
        connect(server.socket_url) as client,
    ):
        server.signal(signal.SIGTERM)
        while http.get("/healthz/ready").status_code == 200:
            pass
        server.signal(signal.SIGTERM)
        assert _code_of_close(client) == 4200
        assert server.wait() == 0, "long before the drain would have ended"


def _end_of(client: ClientConnection) -> tuple[float, int | None]:
    code = _code_of_close(client)
    return time.monotonic(), code
