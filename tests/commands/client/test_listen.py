"""`walkwire listen` while its server is killed and started again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.brokers.service import free_port
from tests.serving import Server

PROGRAM = """
from walkwire import Root, Walker, on_entry, socket, specs

@specs(methods=["post"], auth=False)
class tell(Walker):
    text: str
    @on_entry
    def tell(self, here: Root) -> None:
        socket.notify_channels(["den"], {"told": self.text})
"""


def serve(folder: Path, port: int) -> Server:
    return Server(folder / "main.py", folder, "--port", str(port), history='{"den": "durable 10 5m"}')


def started(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_it_comes_back_to_a_server_that_was_started_again_and_goes_on_behind_the_last(
    tmp_path: Path,
) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    port = free_port()
    listen = [sys.executable, "-m", "walkwire", "listen", "--channel", "den", "--json", "--count", "2"]
    with serve(tmp_path, port) as server:
        listener = started([*listen, "--url", server.url])
        try:
            assert listener.stdout is not None
            assert listener.stderr is not None
            assert "connected to ws://" in listener.stderr.readline()
            await server.post("/walker/tell", {"text": "before"})
            first: Any = json.loads(listener.stdout.readline())
            server.kill()
            assert "disconnected, and comes back" in listener.stderr.readline()
            with serve(tmp_path, port) as again:
                await again.post("/walker/tell", {"text": "after"})  # it may not be back yet: this is kept
                rest, said = listener.communicate(timeout=60)
        finally:
            listener.kill()
            listener.wait()
    assert [first["data"], json.loads(rest)["data"]] == [{"told": "before"}, {"told": "after"}]
    assert (listener.returncode, "missing" in said) == (0, False), said
    assert "connected to ws://" in said
