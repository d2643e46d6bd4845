"""Watch: the clients of this server that want to know who is in one channel, and what they are told."""

from __future__ import annotations

from typing import Literal

from walkwire.wire.delivery.client import Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.presence import frames
from walkwire.wire.presence.frames import MOST, MOST_BYTES
from walkwire.wire.presence.people import People

AGAIN = 0.9  # times `MOST`, and `MOST_BYTES`: below it a list is sent again

Who = Literal["list", "count"]


class Watch:
    """Who watches a channel. Call `Turn.resolve_members` before a watcher is removed.

    - until: when the watch ends if nobody watches; it is kept for a while, so that coming back costs nothing
    """

    def __init__(self, channel_id: str, people: People) -> None:
        self.until = 0.0
        self._channel_id = channel_id
        self._people = people
        self._listeners: set[Client] = set()
        self._counters: set[Client] = set()
        self._fresh: set[Client] = set()  # were told the state since the last frame
        self._count = people.count  # that was told last
        self._is_crowd = self._exceeds(1.0)  # whether only counts are sent

    @property
    def is_empty(self) -> bool:
        """Return whether nobody watches."""
        return not (self._listeners or self._counters)

    def add(self, client: Client, who: Who, turn: Turn) -> bytes:
        """Let a client watch. Return the state that it has to be told now."""
        turn.resolve_members()
        self.remove(client)
        people = self._people
        if self.is_empty:
            people.forget_changes()
            self._is_crowd, self._count = self._exceeds(1.0), people.count
        elif not self._is_crowd and self._exceeds(1.0):
            self.tell(turn)
            turn.resolve_members()
        if people.has_changed or people.count != self._count:
            self._fresh.add(client)
        if who == "count":
            self._counters.add(client)
            return frames.state(None, people.count)
        self._listeners.add(client)
        return frames.state(None if self._is_crowd else people.entries(), people.count)

    def remove(self, client: Client) -> None:
        """Let a client watch no longer."""
        self._listeners.discard(client)
        self._counters.discard(client)
        self._fresh.discard(client)

    def tell(self, turn: Turn) -> None:
        """Send what has changed since the last call, if anything."""
        people, was_crowd = self._people, self._is_crowd
        count = people.count
        self._is_crowd = self._exceeds(AGAIN if was_crowd else 1.0)
        has_changed = count != self._count
        self._count = count
        fresh, self._fresh = self._fresh, set()
        number = frames.number(self._channel_id, count)
        if self._listeners and not self._is_crowd and not was_crowd:
            self._tell_changes(turn, fresh, has_changed)
        elif self._listeners and not self._is_crowd:
            turn.spread(self._listeners, frames.whole(self._channel_id, people.entries(), count))
        elif self._listeners and not was_crowd:
            turn.spread(self._listeners, number)
        else:
            self._tell_number(turn, self._listeners, number, fresh, has_changed)
        people.forget_changes()
        self._tell_number(turn, self._counters, number, fresh, has_changed)

    def _tell_number(
        self, turn: Turn, watchers: set[Client], number: bytes, fresh: set[Client], has_changed: bool
    ) -> None:
        receivers = watchers if has_changed else watchers & fresh
        if receivers:
            turn.spread(receivers, number, "latest", ("presence", self._channel_id))

    def _tell_changes(self, turn: Turn, fresh: set[Client], has_changed: bool) -> None:
        people, receivers = self._people, self._listeners
        if late := receivers & fresh:
            # They were told the state in the middle of what is told now. So they get how it stands with all who have changed.
            turn.spread(late, frames.change(self._channel_id, *people.touched(), self._count))
            receivers = receivers - late
        joined, left = people.take_changes()
        if receivers and (joined or left or has_changed):
            turn.spread(receivers, frames.change(self._channel_id, joined, left, self._count))

    def _exceeds(self, factor: float) -> bool:
        return len(self._people) > MOST * factor or self._people.size > MOST_BYTES * factor
