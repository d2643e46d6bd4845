"""Person: a client of version 2 that stores what a client has to store, and notes what it hears."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.histories.recovery.truth import Fault, Key, Segment, Truth
from tests.wire.conftest import House
from walkwire.server.socket.loopback import Closed, Loopback

KINDS = {"channel": "channels", "user": "users", "client": "clients"}
PATIENCE = 60.0  # seconds for a reply; while a history is away, it comes sooner, unless the machine is busy with others


class Person:
    """`houses`: the servers that are there now. `counts` is of all persons of a run."""

    def __init__(
        self,
        houses: Callable[[], list[House]],
        chance: random.Random,
        truth: Truth,
        name: str,
        counts: Counts,
    ) -> None:
        self.name = name
        self.channels: set[str] = set()
        self.client_id = ""
        self.house: House | None = None
        self.socket: Loopback | None = None
        self.at: dict[Key, str] = {}
        self._houses, self._chance, self._truth, self._counts = houses, chance, truth, counts
        self._session: str | None = None
        self._segments: dict[Key, Segment] = {}
        self._roots: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<{self.name} {self.client_id}>"

    async def connect(self) -> None:
        """Connect, to any server; with the session and the positions, if there are any."""
        self.house = self._chance.choice(self._houses())
        self._roots = self.house.tokens
        own = {kind[:-1]: self.at[kind, name] for kind, name in self._own() if (kind, name) in self.at}
        fields: dict[str, Any] = {} if self._session is None else {"session": self._session, "at": own}
        wishes = [self._wish(name) for name in sorted(self.channels)]
        self.socket = Loopback(self.house.door, version=2)
        await self.socket.__aenter__()
        who = await self.ask("connect", token=self.name, channels=wishes, **fields)
        if who is None:
            self._leave()
            return
        self._counts.resumes += self._session is not None
        self._take(who)

    async def join(self, name: str) -> None:
        """Join a channel, from where it was left."""
        if (who := await self.ask("join", channels=[self._wish(name)])) is not None:
            self.channels.add(name)
            self._take(who)

    async def leave(self, name: str) -> None:
        """Leave a channel. Its position is kept."""
        self.channels.discard(name)
        await self.ask("leave", channel_ids=[name])
        self._segments["channels", name].is_open = False

    async def change(self, name: str) -> None:
        """Become another user."""
        if (who := await self.ask("change_user", token=name)) is not None:
            self._forget("users", self._roots[self.name])
            self.name = name
            self._take(who, continues=True)

    async def ask(self, kind: str, **fields: Any) -> dict[str, Any] | None:
        """Send an event, and hear what comes before its reply. Return the data of the reply; None: it failed."""
        assert self.socket is not None
        self.socket.is_stalled = False
        try:
            await self.socket.send({"type": kind, "id": kind} | fields)
            while (frame := await self.socket.receive(PATIENCE))["type"] != "reply":
                self._hear(frame)
        except Closed:
            self._leave()
            return None
        except TimeoutError:
            raise Fault(f"{self}: no reply to {kind} {fields}") from None
        data: dict[str, Any] | None = frame.get("data")
        return data

    def listen(self) -> bool:
        """Read all that has arrived. Return whether the client is connected."""
        if self.socket is None:
            return False
        self.socket.is_stalled = False
        self._hear_all()
        if self.socket.closed is not None:
            self.socket = None
        return self.socket is not None

    def stall(self) -> None:
        """Read no more, until something else is done."""
        if self.socket is not None:
            self.socket.is_stalled = True

    def drop(self) -> None:
        """The connection breaks: of what was written, only a part has arrived."""
        if self.socket is not None:
            self._counts.drops += 1
            self._hear_all(self._chance.random())
            self._leave()

    def abandon(self) -> None:
        """Connect again while the connection of before is still there, as after a change of networks."""
        if self.socket is not None:
            self._counts.drops += 1
            self._hear_all(self._chance.random())
            self.socket = None

    def _leave(self) -> None:
        socket, self.socket = self.socket, None
        if socket is not None:
            socket.leave()

    def _own(self) -> list[Key]:
        root_id = self._roots.get(self.name, "")
        return [("users", root_id), ("clients", self.client_id)]

    def _wish(self, name: str) -> dict[str, Any]:
        at = self.at.get(("channels", name))
        return {"channel_id": name} | ({} if at is None else {"at": at})

    def _take(self, who: dict[str, Any], continues: bool = False) -> None:
        if "session" in who:
            if who["client_id"] != self.client_id:
                self._forget("clients", self.client_id)
            self._session, self.client_id = who["session"], who["client_id"]
            streams = who["streams"]
            user, client = self._own()
            self._begin(user, streams["user"], continues)
            self._begin(client, streams["client"], continues)
            channels = streams["channels"]
        else:
            channels = who["channels"]
        for name, begin in channels.items():
            self._begin(("channels", name), begin, continues)

    def _forget(self, kind: str, name: str) -> None:
        self.at.pop((kind, name), None)
        if (segment := self._segments.pop((kind, name), None)) is not None:
            segment.is_open = False

    def _begin(self, key: Key, begin: dict[str, Any], continues: bool) -> None:
        """A stream begins, or goes on on the same connection (`continues`)."""
        if begin["recovered"]:
            self._counts.claims += 1
            if key not in self._segments:
                raise Fault(f"{self}: {key} is said to be recovered, but no place in it was known")
            self._segments[key].is_open = True
        elif not (continues and begin["recovered"] is None and key in self._segments):
            if begin["recovered"] is False:
                self._counts.losses += 1
                if "reason" not in begin:
                    raise Fault(f"{self}: no reason why {key} is not recovered")
            self._forget(*key)
            is_fresh = begin["recovered"] is None and not continues
            self._segments[key] = self._truth.begin(self, key, is_fresh)
        self.at[key] = begin["at"]

    def _hear_all(self, share: float = 1.0) -> None:
        assert self.socket is not None
        frames = self.socket.take()
        for frame in list(frames)[: round(share * len(frames))]:
            self._hear(json.loads(frame))

    def _hear(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "session":
                self._session = frame["session"]
            case "resync":
                key = self._key(frame["stream"], frame)
                self._counts.resyncs += 1
                self._forget(*key)
                self._segments[key] = self._truth.begin(self, key)
                self.at[key] = frame["at"]
            case "channel" | "user" | "client":
                key = self._key(frame["type"], frame)
                if key not in self._segments:
                    raise Fault(f"{self} hears {key} and has not begun: {frame}")
                self._truth.hear(self._segments[key], key, frame["data"]["n"])
                self.at[key] = frame["at"]
            case other:
                raise Fault(f"{self}: an unexpected {other}: {frame}")

    def _key(self, kind: str, frame: dict[str, Any]) -> Key:
        return KINDS[kind], frame.get("channel_id") or dict(self._own())[KINDS[kind]]


class Counts:
    """What happened: connections that broke, sessions that were resumed, streams said to be recovered, or lost, or to resync."""

    def __init__(self) -> None:
        self.drops = self.resumes = self.claims = self.losses = self.resyncs = self.sent = 0

    def add(self, other: Counts) -> None:
        """Add what happened elsewhere."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        return ", ".join(f"{value:,} {name}" for name, value in vars(self).items())
