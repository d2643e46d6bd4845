"""`kill -9` in the middle of writes: what was acknowledged is there, nothing is there by half, and the file opens."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.serving import PROGRAMS, Person, Server

ROUNDS = 20
IN_FLIGHT = 8


@pytest.mark.long
async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    chance = random.Random(9)
    sent: set[str] = set()
    acknowledged: set[str] = set()
    ada: Person | None = None
    for number in range(ROUNDS):
        with Server(PROGRAMS / "ledger.py", tmp_path) as server:
            ada = ada or await server.user()
            await see_what_was_kept(server, ada, sent, acknowledged)
            await write_until_killed(server, ada, f"{number}.", chance.randint(1, 40), sent, acknowledged)
    assert ada is not None
    with Server(PROGRAMS / "ledger.py", tmp_path) as server:
        await see_what_was_kept(server, ada, sent, acknowledged)
    with closing(sqlite3.connect(tmp_path / "walkwire.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(acknowledged) >= ROUNDS
    assert len(sent) > len(acknowledged), "some were under way when the server was killed"


async def see_what_was_kept(server: Server, ada: Person, sent: set[str], acknowledged: set[str]) -> None:
    """The token is good after a restart, and so is the graph."""
    texts, tally = await server.walk("kept", ada.token)
    assert len(set(texts)) == len(texts) == tally, "a note and its tally come together"
    assert acknowledged <= set(texts) <= sent


async def write_until_killed(
    server: Server, ada: Person, prefix: str, writes: int, sent: set[str], acknowledged: set[str]
) -> None:
    """Kill the server after so many writes were acknowledged, while others are under way."""
    before = len(acknowledged)
    async with server.connect(ada.token) as socket:
        try:
            for number in range(writes + IN_FLIGHT):
                text = f"{prefix}{number}"
                sent.add(text)
                await socket.say({"type": "walker", "walker": "keep", "context": {"text": text}, "id": text})
            while True:
                reply = await socket.hear()
                assert reply["ok"], reply
                acknowledged.add(reply["id"])
                if len(acknowledged) - before == writes:
                    server.kill()
        except ConnectionClosed:
            assert server.process.poll() is not None
