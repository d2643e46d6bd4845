"""Fakes: a clock that stands still, and connections in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from walkwire.client import ClientClock
from walkwire.client.transport import TransportListener

GONE = 1006


class FakeClock(ClientClock):
    """Time that a test moves, in milliseconds, and one random number."""

    def __init__(self, chance: float = 0.5) -> None:
        self.time = 0.0
        self.chance = chance
        self._timers: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        return self.time

    def random(self) -> float:
        return self.chance

    def after(self, ms: float, run: Callable[[], object]) -> Callable[[], object]:
        timer = (self.time + ms, run)
        self._timers.append(timer)

        def cancel() -> None:
            self._timers = [other for other in self._timers if other is not timer]

        return cancel

    async def advance(self, ms: float) -> None:
        """Run what is due in the next `ms`, each timer at its time. What a timer starts has its effect before the next one."""
        end = self.time + ms
        while due := sorted((timer for timer in self._timers if timer[0] <= end), key=lambda timer: timer[0]):
            timer = due[0]
            self._timers = [other for other in self._timers if other is not timer]
            self.time = max(self.time, timer[0])
            timer[1]()
            await settled()
        self.time = end


async def settled() -> None:
    """Return when everything that needs no time has happened."""
    for _ in range(12):
        await asyncio.sleep(0)


class FakeTransport:
    """The client's end of a connection, and what a server can do with it."""

    def __init__(self, url: str, listener: TransportListener) -> None:
        self.url = url
        self.sent: list[Any] = []
        self.is_abandoned = False
        self._listener = listener
        self._is_over = False

    def send(self, text: bytes) -> None:
        self.sent.append(json.loads(text))

    def close(self) -> None:
        if not self._is_over:
            self.is_abandoned = True

    async def wait_closed(self) -> None:
        pass

    def accept(self, protocol: str | None = "walkwire.v2") -> None:
        self._listener.opened(protocol)

    def say(self, frame: Any) -> None:
        self._listener.received(json.dumps(frame))

    def end(self, code: int = GONE, reason: str = "") -> None:
        self._is_over = True
        self._listener.ended(code, reason)

    def welcome(self, channels: dict[str, str] | None = None, **data: Any) -> Any:
        """Accept the connection, and answer the `connect`, which is returned. `channels`: positions by id, `data`: other data."""
        self.accept()
        asked = self.sent.pop(0)
        places = {id: {"at": at, "recovered": None} for id, at in (channels or {}).items()}
        streams = {"user": {"at": "u0", "recovered": None}, "client": {"at": "c0", "recovered": None}}
        who = {"client_id": "c1", "root_id": "n::1", "session": "S1"}
        self.say(
            {"type": "reply", "id": asked["id"], "ok": True}
            | {"data": who | {"streams": streams | {"channels": places}} | data}
        )
        return asked


class FakeNetwork:
    """`transport` makes connections, of which `sockets` holds all."""

    def __init__(self) -> None:
        self.sockets: list[FakeTransport] = []

    def transport(self, url: str, listener: TransportListener) -> FakeTransport:
        self.sockets.append(FakeTransport(url, listener))
        return self.sockets[-1]

    @property
    def last(self) -> FakeTransport | None:
        return self.sockets[-1] if self.sockets else None
