"""nginx in front of servers, with the configuration of `deploy/`; and people behind it who notice each fault."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.exceptions import InvalidStatus

from tests.brokers.service import free_port, is_open, missing
from tests.serving import REPOSITORY, Socket, client

CONFIGURATION = REPOSITORY / "deploy" / "nginx" / "nginx.conf"


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[int]:
    """Run nginx in front of two servers at these ports; gives its own port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        missing("nginx")
    port = free_port()
    text = CONFIGURATION.read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, behind in enumerate(ports, 1):
        text = text.replace(f"walkwire{number}:8000", f"127.0.0.1:{behind}")
    text = re.sub(r"worker_rlimit_nofile .*", "", text).replace("32768", "1024")
    (folder / "nginx.conf").write_text(text)
    log = folder / "nginx.log"
    options = f"daemon off; pid {folder / 'nginx.pid'};" + ("user root;" if os.geteuid() == 0 else "")
    running = subprocess.Popen(
        [str(program), "-e", log, "-p", folder, "-c", folder / "nginx.conf", "-g", options],
        stderr=subprocess.DEVNULL,  # that others may not read its log
    )
    try:
        end = time.monotonic() + 10
        while not is_open(port):
            assert time.monotonic() < end, log.read_text()
            assert running.poll() is None, log.read_text()
            time.sleep(0.01)
        yield port
    finally:
        running.terminate()
        running.wait()


class Window:
    """A page that is connected through nginx, and comes back at once when it is sent away. `codes` are those of its closes."""

    def __init__(self, port: int) -> None:
        self.codes: list[int | None] = []
        self.refusals: list[int] = []
        self.longest = 0.0  # seconds until it was connected again
        self.is_connected = False
        self._url = f"ws://127.0.0.1:{port}/websocket?channel_id=news"
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            asked = time.monotonic()
            try:
                async with Socket(self._url, None) as socket:
                    self.longest = max(self.longest, time.monotonic() - asked)
                    self.is_connected = True
                    await socket.wire.wait_closed()
                    self.is_connected = False
                    self.codes.append(socket.wire.close_code)
            except InvalidStatus as error:
                self.refusals.append(error.response.status_code)


class Caller:
    """Walks by POST, one after the other, over connections that are kept and now and then anew. `statuses` counts the answers."""

    def __init__(self, port: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.longest = 0.0
        self.count = 0
        self._url = f"http://127.0.0.1:{port}/walker/write"
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            async with client(timeout=30) as http:
                for _ in range(10):
                    asked = time.monotonic()
                    body = {"channel_id": "nobody", "number": self.count}
                    response = await http.post(self._url, json=body)
                    self.longest = max(self.longest, time.monotonic() - asked)
                    self.statuses[response.status_code] += 1
                    self.count += 1
