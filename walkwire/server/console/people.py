"""WireReader: who is connected to this server, in which channels, and which streams are heard. Read when asked for.

Lists are bounded, and long ones are made in pieces, so that they do not hold the event loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from walkwire.errors import PublicError
from walkwire.history import Retention
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT, root_reference
from walkwire.store import Asking, Store
from walkwire.wire.delivery.client import Client
from walkwire.wire.streams.streams import LevelOf
from walkwire.wire.wire import Wire

PIECE = 2000  # clients that are looked at in one turn of the event loop
ROWS = 500
CHANNELS = 50  # of one client
NAMES = 5000  # e-mail addresses that are remembered
HISTORY = 50  # notifications of a channel

Row = dict[str, Any]  # ready to be encoded as JSON
RateOf = Callable[[str], tuple[float, float]]
"""Returns how many events and bytes a client sends in a second, given its id."""


class WireReader:
    """Describes clients, channels and streams.

    - level_of: how much is kept of a stream
    """

    def __init__(self, wire: Wire, rate_of: RateOf, store: Store, asking: Asking, level_of: LevelOf) -> None:
        self._wire = wire
        self._rate_of = rate_of
        self._store = store
        self._asking = asking
        self._level_of = level_of
        self._names: OrderedDict[str, str | None] = OrderedDict()

    async def connections(self, text: str, limit: int) -> Row:
        """Return clients whose id, user or channels contain `text`, the newest first, and how many there are."""
        clients, total = self._wire.hub.everybody(), 0
        found: list[Client] = []
        for number, client in enumerate(reversed(clients)):
            if number % PIECE == PIECE - 1:
                await asyncio.sleep(0)
            if _matches(client, text) or (text and text in (self._names.get(client.root_id) or "")):
                total += 1
                if len(found) < min(limit, ROWS):
                    found.append(client)
        names = await self.names({client.root_id for client in found})
        rows = [self._described(client, names) for client in found]
        return {"rows": rows, "total": total, "of": len(clients)}

    async def channels(self, text: str, limit: int) -> Row:
        """Return channels with members on this server whose id contains `text`, the largest first.

        Without `text`, a client does not count for its own channel, which each client of version 1 has.
        """
        counts: Counter[str] = Counter()
        for number, client in enumerate(self._wire.hub.everybody()):
            if number % PIECE == PIECE - 1:
                await asyncio.sleep(0)
            counts.update(
                name
                for name in client.channels
                if text in name and name not in client.refused and (text or name != client.channel_id)
            )
        rows = [
            {"id": name, "members": count, "level": _level(self._level_of("channels", name))}
            for name, count in counts.most_common(min(limit, ROWS))
        ]
        return {"rows": rows, "total": len(counts), "of": len(counts)}

    async def channel(self, channel_id: str) -> Row:
        """Return the members of a channel on this server, who is there on all servers, and what is kept of it."""
        hub = self._wire.hub
        try:
            count, people = await hub.presence.find(channel_id)
            there: Row | None = {"count": count, "people": [msgspec.Raw(one) for one in people]}
        except PublicError as error:
            there = {"error": error.message}
        return await self.members(channel_id) | {
            "id": channel_id,
            "presence": there,
            "level": _level(self._level_of("channels", channel_id)),
            "history": await self.history(channel_id, None),
        }

    async def members(self, channel_id: str) -> Row:
        """Return the members of a channel on this server."""
        members = self._wire.hub.members(channel_id)
        names = await self.names({client.root_id for client in members[:ROWS]})
        rows = [self._described(client, names) for client in members[:ROWS]]
        return {"count": len(members), "members": rows}

    async def history(self, channel_id: str, before: str | None) -> Row:
        """Return the newest kept notifications of a channel, or those before a position."""
        try:
            page, has_more = await self._wire.hub.streams.page(channel_id, HISTORY, before=before)
        except PublicError as error:
            return {"entries": [], "has_more": False, "error": error.message}
        entries = [
            {"at": f"{mark.epoch}.{mark.offset:x}", "data": msgspec.Raw(data)}
            for mark, data in reversed(page)
        ]
        return {"entries": entries, "has_more": has_more}

    async def streams(self, text: str, limit: int) -> Row:
        """Return streams that are heard here, and those of the database."""
        heard = [stream for stream in self._wire.hub.streams.following.everything() if text in stream.name]
        rows = [
            {
                "kind": stream.kind,
                "name": root_reference(stream.name) if stream.kind == "users" else stream.name,
                "listeners": stream.count,
                "at": None if stream.at is None else stream.at.offset,
                "level": _level(stream.level),
                "is_waiting": stream.waiting is not None,
            }
            for stream in heard[:limit]
        ]
        kept = await self._asking.ask(self._store.find_streams, text, min(limit, ROWS))
        durable = [{"topic": topic, "at": place.offset} for topic, place in kept.items()]
        return {"rows": rows, "total": len(heard), "durable": durable}

    async def names(self, root_ids: set[str]) -> dict[str, str]:
        """Return the e-mail addresses of users, by root."""
        unknown = [id for id in root_ids if id not in self._names and id not in (PUBLIC_ROOT, SYSTEM_ROOT)]
        if unknown:
            for id, email in zip(unknown, await self._asking.ask(self._emails, unknown), strict=True):
                self._names[id] = email
            while len(self._names) > NAMES:
                self._names.popitem(last=False)
        return {id: name for id in root_ids if (name := self._names.get(id)) is not None}

    def _emails(self, root_ids: list[str]) -> list[str | None]:
        found = (self._store.user_by_root(id) for id in root_ids)
        return [None if user is None else user.email for user in found]

    def _described(self, client: Client, names: dict[str, str]) -> Row:
        events, size = self._rate_of(client.id)
        since, _, _ = client.id.partition(":")
        return {
            "id": client.id,
            "root": root_reference(client.root_id),
            "user": names.get(client.root_id),
            "since": int(since) if since.isdecimal() else None,
            "version": 1 if client.session is None else 2,
            "address": client.address,
            "channels": sorted(client.channels)[:CHANNELS],
            "channels_count": len(client.channels),
            "refused": sorted(client.refused)[:CHANNELS],
            "own_channel": client.channel_id,
            "queue": client.transport.unsent() + self._wire.turn.lags.size_of(client),
            "events": events,
            "bytes": size,
            "expires": None if client.term is None else client.term.expires,
        }


def _matches(client: Client, text: str) -> bool:
    if not text or text in client.id or text in client.root_id or text in client.address:
        return True
    return text.removeprefix("n::") in client.root_id or any(text in name for name in client.channels)


def _level(level: Retention) -> Row:
    return dict(level._asdict())
