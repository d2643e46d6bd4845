"""Presence: tracks who is in the channels that somebody watches, here or on another server, and tells the watchers.

A channel is tracked from the moment when it is first watched: its clients are counted then, and followed from then on. Nothing is
kept of other channels, and nothing ticks while no channel is tracked.
"""

from __future__ import annotations

import asyncio
import time
from asyncio import get_running_loop
from collections import deque
from collections.abc import Callable, Collection
from typing import Protocol

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.presence import frames
from walkwire.wire.presence.exchange import Exchange
from walkwire.wire.presence.messages import Part
from walkwire.wire.presence.other import Publisher
from walkwire.wire.presence.roster import Roster
from walkwire.wire.presence.ticker import Ticker, Ticking
from walkwire.wire.presence.watch import Watch, Who

TICK = 0.2  # seconds between two frames of a channel
LINGER = 10.0  # seconds after which a user has left whose connections were dropped
KEEP = 30.0  # seconds for which a channel that nobody watches is still tracked
KEPT = 10_000  # such channels
AT_ONCE = 500  # clients that are counted, and users who leave, and
TOLD = 500  # channels that are told about, before the event loop runs other callbacks


class Audience(Protocol):
    """The clients of this server: `Hub` implements it."""

    def members(self, channel_id: str) -> list[Client]:
        """Return the clients in a channel, in a list of the caller's own."""

    def is_here(self, root_id: str) -> bool:
        """Return whether a user has a connection."""


class Presence:
    """Who is in which channels. All calls come from the event loop of the sockets.

    - on_busy: called with whether there is anything to track, when that changes
    """

    def __init__(
        self,
        peers: Publisher,
        turn: Turn,
        clock: Callable[[], float] = time.monotonic,
        ticker: Ticking | None = None,
    ) -> None:
        self._server = peers.server
        self._turn = turn
        self._clock = clock
        self._ticker = ticker or Ticker(TICK)
        self._exchange = Exchange(peers, self, clock)
        self._audience: Audience
        self._on_busy: Callable[[bool], None] = lambda is_busy: None
        self._rosters: dict[str, Roster] = {}
        self._watches: dict[str, tuple[Watch, int]] = {}  # each with the version of the interests that has it
        self._unwatched: dict[str, float] = {}  # by channel, in order: when its watch ends
        self._lingering: deque[tuple[float, Roster, str]] = deque()
        self._dirty: dict[str, None] = {}
        self._is_busy = False

    def __len__(self) -> int:
        """Return how many channels are tracked."""
        return len(self._rosters)

    def use(self, audience: Audience, on_busy: Callable[[bool], None]) -> None:
        """Track the clients of this audience. Call it before the first enters."""
        self._audience, self._on_busy = audience, on_busy

    def stop(self) -> None:
        """Tell nobody anything any more."""
        self._ticker.stop()
        self._exchange.stop()

    # For watchers

    async def prepare(self, channel_ids: Collection[str]) -> None:
        """Track channels, and return when it is known who is there."""
        version = self._begin(channel_ids)
        while any(map(self._is_counting, channel_ids)):  # noqa: ASYNC110 - some are counted in each turn
            await asyncio.sleep(0)
        waiting = self._exchange.when_answered(version)
        if waiting is not None:
            await waiting

    def _begin(self, channel_ids: Collection[str]) -> int:
        """Track channels. Return the version of the interests that has all of them."""
        new = [channel_id for channel_id in channel_ids if channel_id not in self._watches]
        if new:
            self._exchange.watch(new)
        for channel_id in new:
            watch = Watch(channel_id, self._track(channel_id).people)
            self._watches[channel_id] = watch, self._exchange.version
        for channel_id in channel_ids:
            if self._watches[channel_id][0].is_empty:
                self._keep(channel_id)
        self._work()
        return max((self._watches[channel_id][1] for channel_id in channel_ids), default=0)

    def watch(self, client: Client, channel_id: str, who: Who) -> bytes:
        """Let a client hear who comes and goes, until it leaves the channel. Return the state for its reply.

        Await `prepare` before, or other servers' users come with the next frame.
        """
        if channel_id not in self._watches:
            self._begin((channel_id,))
        watch, _ = self._watches[channel_id]
        self._unwatched.pop(channel_id, None)
        self._dirty[channel_id] = None
        return watch.add(client, who, self._turn)

    def page(self, channel_id: str, after: str, limit: int) -> bytes:
        """Return users behind a root id, for a reply. Await `prepare` before."""
        people = self._track(channel_id).people
        root_ids, has_more = people.page(after, limit)
        users = [entry for root_id in root_ids if (entry := people.entry(root_id)) is not None]
        return frames.page(channel_id, users, people.count, has_more)

    async def find(self, channel_id: str, limit: int = frames.MOST) -> tuple[int, list[bytes]]:
        """Return how many are in a channel, on all servers, and the first users by root id, each as JSON."""
        await self.prepare((channel_id,))
        people = self._track(channel_id).people
        root_ids, _ = people.page("", limit)
        return people.count, [entry for root_id in root_ids if (entry := people.entry(root_id)) is not None]

    async def find_online(self, root_ids: Collection[str]) -> frozenset[str]:
        """Return those of the users who have a connection, to any server."""
        asked = frozenset(root_ids) - {PUBLIC_ROOT}
        here = self.online(asked)
        rest = asked - here
        if not rest:
            return here
        finding = self._exchange.find_online(rest)
        self._work()
        return here | await finding

    # What the clients of this server do; see `Attendance`

    def joined(self, channel_id: str, client: Client) -> None:
        """Take that a client is in a channel."""
        roster = self._rosters.get(channel_id)
        if roster is None:
            if channel_id not in self._exchange.wanted:
                return
            roster = self._rosters[channel_id] = Roster(channel_id, self._server)  # nobody was there before
        roster.enter(client)
        self._change(channel_id)

    def left(self, channel_id: str, client: Client, is_gone: bool = False) -> None:
        """Take that a client is in a channel no longer. `is_gone`: its connection was lost, and it may come back."""
        roster = self._rosters.get(channel_id)
        if roster is None:
            return
        if channel_id in self._watches:
            self._unwatch(channel_id, client)
        due = self._clock() + LINGER if is_gone else 0.0
        root_id = roster.exit(client, due)
        if root_id is not None:
            self._lingering.append((due, roster, root_id))
        self._change(channel_id)

    def forget(self, client: Client) -> None:
        """Take that a client is no longer its user: at once, in all channels. What it watches stays."""
        for channel_id in client.channels:
            if (roster := self._rosters.get(channel_id)) is not None:
                roster.exit(client)
                self._change(channel_id)

    def refresh(self, client: Client) -> None:
        """Show the info that a client has now."""
        for channel_id in client.channels:
            if (roster := self._rosters.get(channel_id)) is not None:
                roster.refresh(client)
                self._change(channel_id)

    # What other servers say

    def receive(self, server: str, data: bytes) -> None:
        """Handle a message of another server. Never raises."""
        self._exchange.hear(server, data)
        self._work()

    def own(self, channel_id: str) -> Roster | None:
        """Return this server's members of a channel; None: there are none."""
        roster = self._track(channel_id)
        if roster.is_empty and channel_id not in self._watches:
            del self._rosters[channel_id]
            return None
        return roster

    def release(self, channel_id: str) -> None:
        """Track a channel no longer for another server."""
        self._drop_unused(channel_id)

    def hear(self, server: str, part: Part) -> None:
        """Take over what another server says of its members of a channel."""
        roster = self._rosters.get(part.channel_id)
        if roster is None:
            return
        people = roster.people
        if part.is_first:
            people.begin(server)
        people.set_public(server, part.public)
        for root_id, info in part.joined:
            given = bytes(info)
            people.set(server, root_id, b"" if given == b"{}" else given)
        for root_id in part.left:
            people.remove(server, root_id)
        if part.is_last:
            people.end(server)
        self._dirty[part.channel_id] = None

    def begin(self, server: str) -> None:
        """Another server begins to tell everything anew."""
        for channel_id in self._watches:
            self._rosters[channel_id].people.begin(server)

    def end(self, server: str) -> None:
        """It has told everything."""
        for channel_id in self._watches:
            self._rosters[channel_id].people.end(server)
            self._dirty[channel_id] = None

    def drop(self, server: str) -> None:
        """Forget all members of another server."""
        self.begin(server)
        self.end(server)

    def online(self, root_ids: Collection[str]) -> frozenset[str]:
        """Return those of the users who have a connection to this server."""
        return frozenset(root_id for root_id in root_ids if self._audience.is_here(root_id))

    # Time

    def tick(self) -> None:
        """Do what is due: users leave, watchers are told."""
        now = self._clock()
        for _ in range(min(AT_ONCE, len(self._lingering))):
            due, roster, root_id = self._lingering[0]
            if due > now:
                break
            self._lingering.popleft()
            roster.expire(root_id, due)
            if self._rosters.get(roster.channel_id) is roster:
                self._change(roster.channel_id)
        self._exchange.tick()
        self._end_watches(now)
        dirty, self._dirty = list(self._dirty), {}
        self._tell(dirty)
        self._work()

    def _tell(self, channel_ids: list[str]) -> None:
        few = channel_ids[:TOLD]
        rosters = [roster for channel_id in few if (roster := self._rosters.get(channel_id)) is not None]
        self._exchange.tell(each for each in rosters if each.is_outgoing and not each.uncounted)
        for roster in rosters:
            watched = self._watches.get(roster.channel_id)
            if watched is None:
                roster.people.forget_changes()
                self._drop_unused(roster.channel_id)
            else:
                watched[0].tell(self._turn)
        if len(channel_ids) > TOLD:
            get_running_loop().call_soon(self._tell, channel_ids[TOLD:])

    def _end_watches(self, now: float) -> None:
        ended: list[str] = []
        for channel_id, until in self._unwatched.items():
            if until > now and len(self._unwatched) - len(ended) <= KEPT:
                break
            ended.append(channel_id)
        for channel_id in ended:
            del self._unwatched[channel_id]
            del self._watches[channel_id]
            people = self._rosters[channel_id].people
            for server in people.servers() - {self._server}:
                people.drop(server)
            self._drop_unused(channel_id)
        if ended:
            self._exchange.unwatch(ended)

    # Tracking

    def _track(self, channel_id: str) -> Roster:
        roster = self._rosters.get(channel_id)
        if roster is None:
            roster = self._rosters[channel_id] = Roster(channel_id, self._server)
            roster.uncounted = self._audience.members(channel_id)
            self._count(roster)
        return roster

    def _count(self, roster: Roster) -> None:
        roster.count(AT_ONCE)
        self._dirty[roster.channel_id] = None
        if roster.uncounted:
            get_running_loop().call_soon(self._count, roster)
        else:
            roster.take_outgoing()  # servers that want to know are told everything

    def _is_counting(self, channel_id: str) -> bool:
        roster = self._rosters.get(channel_id)
        return roster is not None and bool(roster.uncounted)

    def _drop_unused(self, channel_id: str) -> None:
        roster = self._rosters.get(channel_id)
        if roster is None or channel_id in self._watches:
            return
        if channel_id not in self._exchange.wanted or roster.is_empty:
            del self._rosters[channel_id]

    def _unwatch(self, channel_id: str, client: Client) -> None:
        watch, _ = self._watches[channel_id]
        if watch.is_empty:
            return
        self._turn.resolve_members()
        watch.remove(client)
        if watch.is_empty:
            self._keep(channel_id)

    def _keep(self, channel_id: str) -> None:
        self._unwatched.pop(channel_id, None)
        self._unwatched[channel_id] = self._clock() + KEEP

    def _change(self, channel_id: str) -> None:
        self._dirty[channel_id] = None

    def _work(self) -> None:
        """Tick while there is anything to do."""
        is_busy = bool(self._rosters) or self._exchange.is_busy
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self._on_busy(is_busy)
            if is_busy:
                self._ticker.start(self.tick)
            else:
                self._ticker.stop()
                self._lingering.clear()
