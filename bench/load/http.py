"""HTTP: the same POST again and again on connections that are kept: a closed loop of as many as there are connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import cast

from bench.load.socket import abort
from bench.load.window import Window


async def post(
    pid: int,
    port: int,
    connections: int,
    path: str,
    body: str,
    answer: str,
    seconds: float,
    headers: Mapping[str, str] | None = None,
    warm_up: float = 0.3,
    beside: str = "",
) -> dict[str, float]:
    """Each answer must be a 200 that holds `answer`. `count`: the answers; `p50` and `p99`: what one took, in seconds.

    `beside` as for `Window`.
    """
    tally = Tally(answer.encode())
    request = _request(port, path, body, headers or {})
    loop = asyncio.get_running_loop()
    transports = [
        (await loop.create_connection(lambda: Poster(tally, request), "127.0.0.1", port))[0]
        for _ in range(connections)
    ]
    # A server may listen before it is ready. Nothing is measured yet that a poll could disturb.
    while tally.count < connections and tally.wrong is None:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(warm_up)
    tally.times.clear()
    before, window = tally.count, Window(pid, beside)
    await asyncio.sleep(seconds)
    found = window.close(tally.count - before)
    abort(transports)
    if tally.wrong is not None or not tally.times:
        raise RuntimeError(f"POST {path} was answered {tally.wrong!r}")
    times = sorted(tally.times)
    return found | {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def _request(port: int, path: str, body: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body.encode())}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", body]).encode()


class Tally:
    """Answers so far, how long each took, and the first one that was not what it should be."""

    def __init__(self, expected: bytes) -> None:
        self.count = 0
        self.expected = expected
        self.times: list[float] = []
        self.wrong: bytes | None = None


class Poster(asyncio.Protocol):
    """One connection's share. An answer as long as the last one is taken to be whole."""

    __slots__ = ("_asked", "_data", "_request", "_size", "_tally", "_transport")

    def __init__(self, tally: Tally, request: bytes) -> None:
        self._tally = tally
        self._request = request
        self._data = b""
        self._size = 0
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._data:
            data = self._data + data
        if len(data) != self._size and not self._is_whole(data):
            self._data = data
            return
        self._data = b""
        tally = self._tally
        tally.times.append(time.perf_counter() - self._asked)
        tally.count += 1
        if not data.startswith(b"HTTP/1.1 200") or tally.expected not in data:
            tally.wrong = tally.wrong or data
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def _is_whole(self, data: bytes) -> bool:
        head, end, body = data.partition(b"\r\n\r\n")
        if not end:
            return False
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and len(body) >= int(value):
                self._size = len(data)
                return True
        return False
