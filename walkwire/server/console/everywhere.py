"""Everywhere: what the console shows and does on all servers together: those of a system, or the workers behind one port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from walkwire.errors import PublicError
from walkwire.server.console.deeds import Deeds
from walkwire.server.console.peers import ConsolePeers, Row
from walkwire.server.console.people import ROWS, WireReader
from walkwire.wire.wire import Wire

Show = Callable[[int], Row | None]
"""Returns what is known of a walk of this server, by its number; None if it is no longer kept."""


class Everywhere:
    """Asks all servers, and puts their answers together.

    - group: names the workers that are drained together
    - others: how many other servers there are at least
    """

    def __init__(
        self, wire: Wire, people: WireReader, deeds: Deeds, show_walk: Show, group: str, others: int
    ) -> None:
        self._wire = wire
        self._people = people
        self._deeds = deeds
        self._show_walk = show_walk
        self._group = group
        answers = {
            "connections": self._own_connections,
            "channels": self._own_channels,
            "members": self._own_members,
            "streams": self._own_streams,
            "counts": self._own_counts,
            "walk": self._own_walk,
            "disconnect": self._own_disconnect,
            "broadcast": self._own_broadcast,
            "drain": self._own_drain,
            "drain group": self._drain_group,
        }
        self._peers = ConsolePeers(wire.hub, wire.peers, others, answers)

    async def stop(self) -> None:
        """Answer no longer."""
        await self._peers.stop()

    async def connections(self, text: str, limit: int) -> Row:
        """Return clients of all servers, as `WireReader.connections`."""
        found = await self._peers.ask_all("connections", {"text": text, "limit": limit})
        rows = [row for one in found for row in one["rows"]]
        rows.sort(key=lambda row: -(row["since"] or 0))
        return {"rows": rows[: min(limit, ROWS)], "total": _sum(found, "total"), "of": _sum(found, "of")}

    async def channels(self, text: str, limit: int) -> Row:
        """Return channels with members on any server, as `WireReader.channels`."""
        found = await self._peers.ask_all("channels", {"text": text, "limit": limit})
        rows: dict[str, Row] = {}
        for row in (row for one in found for row in one["rows"]):
            known = rows.setdefault(row["id"], row)
            if known is not row:
                known["members"] += row["members"]
        total = max(len(rows), *(one["total"] for one in found))
        largest = sorted(rows.values(), key=lambda row: -row["members"])
        return {"rows": largest[: min(limit, ROWS)], "total": total, "of": total}

    async def channel(self, channel_id: str) -> Row:
        """Return a channel, as `WireReader.channel`, with the members on all servers."""
        own: Row
        own, found = await asyncio.gather(
            self._people.channel(channel_id), self._peers.ask_all("members", {"id": channel_id})
        )
        members = [row for one in found for row in one["members"]]
        return own | {"count": _sum(found, "count"), "members": members[:ROWS]}

    async def streams(self, text: str, limit: int) -> Row:
        """Return streams that are heard on any server, as `WireReader.streams`."""
        own: Row
        own, *others = await self._peers.ask_all("streams", {"text": text, "limit": limit})
        rows: dict[tuple[str, str], Row] = {}
        for row in (row for one in (own, *others) for row in one["rows"]):
            known = rows.setdefault((row["kind"], row["name"]), row)
            if known is not row:
                known["listeners"] += row["listeners"]
                known["at"] = max(known["at"] or 0, row["at"] or 0)
                known["is_waiting"] = known["is_waiting"] or row["is_waiting"]
        total = max(len(rows), *(one["total"] for one in (own, *others)))
        return own | {"rows": list(rows.values())[:limit], "total": total}

    async def counts(self, roots: list[str]) -> list[int]:
        """Return how many clients each of these users has."""
        found = await self._peers.ask_all("counts", {"roots": roots})
        return [sum(one[at] for one in found) for at in range(len(roots))]

    async def walk(self, server: str, number: int) -> Any:
        """Return the record of a walk of a server. Raises PublicError if it is no longer kept."""
        return await self._peers.ask_one(server, "walk", {"n": number})

    async def disconnect(self, client_ids: list[str], again: bool, who: str) -> Row:
        """Close connections on all servers, as `Deeds.disconnect`."""
        query = {"clients": client_ids, "again": again, "who": who}
        return {"closed": _sum(await self._peers.ask_all("disconnect", query), "closed")}

    async def broadcast(self, data: bytes, who: str) -> Row:
        """Send `data`, JSON, to all clients of all servers."""
        query = {"data": data.decode(), "who": who}
        return {"sent": _sum(await self._peers.ask_all("broadcast", query), "sent")}

    async def drain(self, server: str, on: bool, who: str) -> Any:
        """Drain a server with all workers that share its port, or end that."""
        return await self._peers.ask_one(server, "drain group", {"on": on, "who": who})

    # What each server answers

    async def _own_connections(self, query: Row) -> Row:
        return await self._people.connections(query["text"], query["limit"])

    async def _own_channels(self, query: Row) -> Row:
        return await self._people.channels(query["text"], query["limit"])

    async def _own_members(self, query: Row) -> Row:
        return await self._people.members(query["id"])

    async def _own_streams(self, query: Row) -> Row:
        return await self._people.streams(query["text"], query["limit"])

    async def _own_counts(self, query: Row) -> list[int]:
        return [self._wire.hub.count(root) for root in query["roots"]]

    async def _own_walk(self, query: Row) -> Row:
        found = self._show_walk(query["n"])
        if found is None:
            raise PublicError("no_access", "This walk is no longer kept", 404)
        return found

    async def _own_disconnect(self, query: Row) -> Row:
        return self._deeds.disconnect(query["clients"], query["again"], query["who"])

    async def _own_broadcast(self, query: Row) -> Row:
        return await self._deeds.broadcast(query["data"].encode(), query["who"])

    async def _own_drain(self, query: Row) -> Row:
        if query["group"] != self._group:
            return {}
        return self._deeds.drain(query["who"]) if query["on"] else self._deeds.resume(query["who"])

    async def _drain_group(self, query: Row) -> Row:
        own: Row
        own, *_ = await self._peers.ask_all("drain", query | {"group": self._group})
        return own


def _sum(answers: list[Any], name: str) -> int:
    return sum(one[name] for one in answers)
