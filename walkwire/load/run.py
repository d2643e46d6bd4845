"""Run: sends messages at fixed times, however late the deliveries are (an open loop), and records each delivery."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence

from walkwire.load import frame, opening
from walkwire.load.address import Address
from walkwire.load.peer import Peer
from walkwire.load.plan import Plan
from walkwire.load.tally import Delays, Result

TICK = 0.001  # seconds
ERRORS = 5  # that are told


class Run:
    """One run of a plan: call `run`, or its parts `connect`, `send` and `leave`.

    `others` are further addresses of the same server, as other users or from elsewhere: connections use all of them in turn.
    `connected`, `sent`, `delivered` and `delays` may be read during the run. `start` is when the first message is due.
    """

    def __init__(self, address: Address, plan: Plan, others: Sequence[Address] = ()) -> None:
        self.plan = plan
        self.sent = 0
        self.delivered = 0
        self.delays = Delays()
        self.peers: list[Peer] = []
        self._address = address
        self._addresses = (address, *others)
        self._name = secrets.token_hex(6)
        self._mark = f'{address.heard}{{"load":"{self._name}","n":'.encode()
        self._padding = "x" * max(0, plan.size - len(self._mark) - 12)
        self.start = 0.0
        self._wrong: Counter[str] = Counter()

    @property
    def connected(self) -> int:
        """Return the number of connections so far."""
        return len(self.peers)

    @property
    def due(self) -> int:
        """Return the number of deliveries expected for the messages sent so far."""
        full, left = divmod(self.sent, self.plan.channels)
        return full * self.plan.connections + sum(map(self.plan.members, range(left)))

    async def run(self, show: Callable[[Run], None] = lambda run: None) -> Result:
        """Connect, send, and close the connections. `show` is called a few times a second. Raises StartError."""
        shown = asyncio.ensure_future(self._show(show))
        try:
            await self.connect()
            return await self.send()
        finally:
            shown.cancel()
            self.leave()

    async def connect(self) -> None:
        """Open the connections. Raises StartError if one cannot be opened."""
        made: dict[asyncio.Transport, Peer] = {}

        def make(transport: asyncio.Transport) -> Peer:
            made[transport] = peer = Peer(self._mark, self._hear, self._say_wrong)
            self.peers.append(peer)
            return peer

        channels = [self.channel(number) for number in range(self.plan.connections)]
        try:
            opened = await opening.connect(self._addresses, channels, make)
        except BaseException:
            self.peers.clear()
            raise
        self.peers = [made[transport] for transport in opened]

    async def send(self) -> Result:
        """Send each message when it is due, then wait for outstanding deliveries. Returns the result."""
        busy, began = time.process_time(), time.perf_counter()
        await self._send()
        await self._wait()
        return self._result((time.process_time() - busy) / (time.perf_counter() - began))

    def leave(self) -> None:
        """Abort all connections."""
        for peer in self.peers:
            peer.leave()

    def channel(self, number: int) -> str:
        """Return the channel id of a connection or of a message, by its number."""
        return f"load-{self._name}-{number % self.plan.channels}"

    async def _send(self) -> None:
        """Send from the first connection of each channel, so that all members receive one order."""
        plan = self.plan
        self.start = time.perf_counter()
        while self.sent < plan.messages:
            now = time.perf_counter() - self.start
            while self.sent < plan.messages and self.sent / plan.rate <= now:
                speaker = self.peers[self.sent % plan.channels]
                if not speaker.is_closed:
                    speaker.write(frame.text(self._event(self.sent)))
                self.sent += 1
            await asyncio.sleep(TICK)

    def _event(self, number: int) -> bytes:
        data = f'{{"load":"{self._name}","n":{number},"x":"{self._padding}"}}'
        return self._address.tell(self.channel(number), data)

    def _hear(self, peer: Peer, number: int, now: float) -> None:
        if peer.received.hear(number // self.plan.channels):
            self.delivered += 1
            self.delays.add(now - self.start - number / self.plan.rate)

    def _say_wrong(self, what: str) -> None:
        self._wrong[what] += 1

    async def _wait(self) -> None:
        before, last = -1, time.perf_counter()
        while self.delivered < self.due and time.perf_counter() - last < self.plan.patience:
            if self.delivered != before:
                before, last = self.delivered, time.perf_counter()
            await asyncio.sleep(10 * TICK)

    async def _show(self, show: Callable[[Run], None]) -> None:
        while True:
            show(self)
            await asyncio.sleep(0.2)

    def _result(self, busy: float) -> Result:
        plan, delays = self.plan, self.delays
        full, left = divmod(self.sent, plan.channels)
        lost = sum(
            peer.received.lost(full + (number % plan.channels < left))
            for number, peer in enumerate(self.peers)
        )
        p50, p99, p999 = (round(1000 * delays.quantile(part), 3) for part in (0.5, 0.99, 0.999))
        return Result(
            connections=plan.connections,
            channels=plan.channels,
            sent=self.sent,
            due=self.due,
            delivered=self.delivered,
            per_second=round(self.delivered / (self.sent / plan.rate), 1),
            p50=p50,
            p99=p99,
            p999=p999,
            max=round(1000 * delays.largest, 3),
            lost=lost,
            duplicated=sum(peer.received.duplicated for peer in self.peers),
            reordered=sum(peer.received.reordered for peer in self.peers),
            closed=sum(peer.is_closed for peer in self.peers),
            errors=tuple(f"{what} ({count} times)" for what, count in self._wrong.most_common(ERRORS)),
            busy=round(busy, 2),
        )
