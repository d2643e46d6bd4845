"""A rolling restart under load, behind a load balancer that asks who is ready: nothing acknowledged is lost, and nobody who is
connected misses anything.

Notifications of one server arrive in order; those of two servers may overtake each other (`docs/notifications.md`). So what a
socket heard last of each server says until when it was there for the notifications of that server: one that comes through the
broker may be on its way when the socket is sent elsewhere."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import Cluster, cluster, readiness
from tests.serving import Server, client

DRAIN = 2.0


class Balancer:
    """Knows who is ready, as one that asks every 100 ms would, and sends each new client to the next of them."""

    def __init__(self, made: Cluster) -> None:
        self._made = made
        self._ready = list(made.servers)
        self._turns = itertools.count()

    def next(self) -> Server:
        return self._ready[next(self._turns) % len(self._ready)]

    async def run(self) -> None:
        while True:
            states = await asyncio.gather(*(readiness(server) for server in self._made.servers))
            self._ready = [
                server for server, state in zip(self._made.servers, states, strict=False) if state == 200
            ] or self._ready
            await asyncio.sleep(0.1)


@dataclass
class Session:
    """One connection of a listener, from its first frame to its end."""

    began: float
    heard: list[int] = field(default_factory=list)
    code: int | None = None


@dataclass(frozen=True)
class Write:
    """An acknowledged write: by which server, when it was asked for, and when it was answered."""

    server: Server
    asked: float
    answered: float


class Load:
    """Writers over sockets and over REST, and listeners who come back when they are sent away."""

    def __init__(self, balancer: Balancer) -> None:
        self.sessions: list[Session] = []
        self.acknowledged: dict[int, Write] = {}
        self.unanswered: set[int] = set()
        self._balancer = balancer
        self._numbers = itertools.count()

    async def listen(self) -> None:
        while True:
            with suppress(OSError, ConnectionClosed, InvalidHandshake):
                async with self._balancer.next().connect(None, "news") as socket:
                    session = Session(time.monotonic())
                    self.sessions.append(session)
                    try:
                        while True:
                            session.heard.append((await socket.hear())["number"])
                    finally:
                        session.code = socket.wire.close_code

    async def write_by_socket(self) -> None:
        while True:
            number = -1
            with suppress(OSError, ConnectionClosed, InvalidHandshake):
                server = self._balancer.next()
                async with server.connect() as socket:
                    while True:
                        number, asked = next(self._numbers), time.monotonic()
                        context = {"channel_id": "news", "number": number}
                        reply = await socket.ask(
                            {"type": "walker", "walker": "write", "context": context, "id": number}
                        )
                        assert reply["ok"], reply
                        self.acknowledged[number] = Write(server, asked, time.monotonic())
                        await asyncio.sleep(0.03)
            if number not in self.acknowledged:
                self.unanswered.add(number)

    async def write_by_rest(self) -> None:
        async with client() as http:
            while True:
                number, asked, server = next(self._numbers), time.monotonic(), self._balancer.next()
                body = {"channel_id": "news", "number": number}
                with suppress(httpx.TransportError):
                    response = await http.post(f"{server.url}/walker/write", json=body)
                    assert response.status_code == 200, response.text
                    self.acknowledged[number] = Write(server, asked, time.monotonic())
                await asyncio.sleep(0.02)

    def missed(self) -> list[tuple[int, Session]]:
        """What somebody did not hear who was connected before it was asked for, and heard something that the same server did
        after it had been acknowledged."""
        missed = []
        for session in self.sessions:
            last, heard = self._last_signs(session), set(session.heard)
            missed += [
                (number, session)
                for number, write in self.acknowledged.items()
                if session.began < write.asked and write.answered < last[write.server] and number not in heard
            ]
        return missed

    def _last_signs(self, session: Session) -> dict[Server, float]:
        """Return until when the session was there for each server's notifications for sure."""
        last: dict[Server, float] = defaultdict(float)
        for number in session.heard:
            if (write := self.acknowledged.get(number)) is not None:
                last[write.server] = max(last[write.server], write.asked)
        return last


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_a_rolling_restart_loses_nothing(kind: Kind, tmp_path: Path) -> None:
    async with cluster(kind, tmp_path, 2, drain_seconds=str(DRAIN)) as made:
        balancer = Balancer(made)
        load = Load(balancer)
        works = [
            balancer.run(),
            *(load.listen() for _ in range(8)),
            *(load.write_by_socket() for _ in range(4)),
        ]
        tasks = [asyncio.create_task(work) for work in (*works, load.write_by_rest())]
        start = time.monotonic()
        try:
            for _ in range(2):
                await asyncio.sleep(0.5)  # load on both
                old = made.servers[0]
                await made.start(drain_seconds=str(DRAIN))
                await asyncio.to_thread(old.stop)
                made.servers.remove(old)
            await asyncio.sleep(0.5)
            took = time.monotonic() - start
            written = set((await made.servers[0].walk("written"))[0])
        finally:
            for task in tasks:
                if task.done():
                    task.result()
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        sent_away = [session for session in load.sessions if session.code is not None]
        print(
            f"\n{kind}: two servers replaced in {took:.1f} s; {len(load.acknowledged)} writes acknowledged, "
            f"{len(load.unanswered)} without an answer; {len(sent_away)} of {len(load.sessions)} sessions sent away"
        )
        assert len(load.acknowledged) > 200
        assert set(load.acknowledged) - written <= {
            number for number, write in load.acknowledged.items() if write.asked > start + took - 0.5
        }
        assert load.missed() == []
        assert len(sent_away) >= 8
        assert {session.code for session in sent_away} == {4200}
        for session in load.sessions:
            assert len(session.heard) == len(set(session.heard)), "exactly once"
        assert not load.unanswered & written, "what crossed the goodbye was not done, and may be said again"
