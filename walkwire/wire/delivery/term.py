"""Term: until when a client is signed in. A timer wheel for all clients; one without a token is not in it.

When its token expires, the client becomes public. Nothing is sent then. A client that asked for it is told before.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import TimerHandle
from collections.abc import Callable

from walkwire.wire.delivery.client import Client, Term
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.message import frame

SLOTS = 1024  # of the wheel, one for each second; a client that is due later stays for another round
STRETCH = 500  # clients visited before the event loop runs other callbacks


class Terms:
    """The terms of all clients of a server. It has a timer only while there are any.

    - expire: called with each client whose token has expired; it replaces the term
    - clock: returns Unix seconds
    """

    def __init__(
        self, expire: Callable[[Client], object], turn: Turn, clock: Callable[[], float] = time.time
    ) -> None:
        self._expire = expire
        self._turn = turn
        self._clock = clock
        self._wheel: list[set[Client]] = [set() for _ in range(SLOTS)]
        self._count = 0
        self._passed = 0  # the second whose slot was visited last
        self._timer: TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def replace(self, client: Client, term: Term | None) -> None:
        """Give a client another term. None: it has none any more."""
        if client.term is not None:
            self._remove(client)
        client.term = term
        if term is not None:
            self._add(client, term)

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def tick(self) -> None:
        """Visit the clients that have become due."""
        now = int(self._clock())
        due: list[Client] = []
        for second in range(max(self._passed, now - SLOTS) + 1, now + 1):
            due += [client for client in self._wheel[second % SLOTS] if _due(client) <= now]
        self._passed = now
        self._visit_all(due)

    def _add(self, client: Client, term: Term) -> None:
        due = term.expires - term.notice
        if due <= int(self._clock()):
            asyncio.get_running_loop().call_soon(self._visit, client)
            return
        self._wheel[due % SLOTS].add(client)
        self._count += 1
        if self._timer is None:
            self._passed = int(self._clock())
            self._wait()

    def _remove(self, client: Client) -> None:
        slot = self._wheel[_due(client) % SLOTS]
        if client in slot:
            slot.remove(client)
            self._count -= 1

    def _wait(self) -> None:
        left = 1 - self._clock() % 1  # of this second
        self._timer = asyncio.get_running_loop().call_later(left, self._turn_wheel)

    def _turn_wheel(self) -> None:
        self._timer = None
        self.tick()
        if self._count and self._timer is None:
            self._wait()

    def _visit_all(self, due: list[Client]) -> None:
        for client in due[:STRETCH]:
            self._visit(client)
        if len(due) > STRETCH:
            asyncio.get_running_loop().call_soon(self._visit_all, due[STRETCH:])

    def _visit(self, client: Client) -> None:
        """Tell a client, or sign it out, unless it has another term by now."""
        term, now = client.term, self._clock()
        if term is None or _due(client) > now:
            return
        if term.expires <= now:
            self._expire(client)
        else:
            self.replace(client, term._replace(notice=0))
            self._turn.put(client, frame.expiring(term.expires))


def _due(client: Client) -> int:
    """Return the Unix second at which something is to be done."""
    term = client.term
    return 0 if term is None else term.expires - term.notice
