"""People: who is in one channel, merged from all servers, and what has changed since it was told last."""

from __future__ import annotations

from bisect import bisect_right, insort
from heapq import nsmallest
from typing import NamedTuple

ENTRY_BYTES = 60  # of an entry of a list, beside its info


def entry_of(root_id: str, info: bytes) -> bytes:
    """Return an entry of a list. `info` is JSON; empty: the user has none."""
    return b'{"root_id":"n::%b","info":%b}' % (root_id.encode(), info or b"{}")


class Difference(NamedTuple):
    """Entries of users who have come, or whose info is another, and of users who have gone."""

    joined: list[bytes]
    left: list[bytes]


class People:
    """The users in a channel. A user is there while any server says so.

    - size: of all entries, in bytes; a user on two servers is counted twice
    """

    def __init__(self) -> None:
        self.size = 0
        self._where: dict[str, dict[str, bytes]] = {}  # by user: the info that each server gives
        self._public: dict[str, int] = {}
        self._stale: dict[str, set[str]] = {}  # by server: users whom its new list has not named yet
        self._before: dict[str, bytes | None] = {}  # entries that were told last, of users who have changed
        self._order: list[str] | None = None  # all users; made for the first page

    def __len__(self) -> int:
        """Return how many users are there."""
        return len(self._where)

    @property
    def count(self) -> int:
        """Return how many users are there, and connections that have not signed in."""
        return len(self._where) + sum(self._public.values())

    def set(self, server: str, root_id: str, info: bytes) -> None:
        """Let a user be there, as a server says."""
        if self._stale and (stale := self._stale.get(server)) is not None:
            stale.discard(root_id)
        where = self._where.get(root_id)
        if where is None:
            self._before.setdefault(root_id, None)
            self._where[root_id] = {server: info}
            if self._order is not None:
                insort(self._order, root_id)
        elif (known := where.get(server)) == info:
            return
        else:
            self._touch(root_id)
            if known is not None:
                self.size -= len(known) + ENTRY_BYTES
            where[server] = info
        self.size += len(info) + ENTRY_BYTES

    def remove(self, server: str, root_id: str) -> None:
        """Let a user be there no longer, as far as a server is concerned."""
        where = self._where.get(root_id)
        if where is None or server not in where:
            return
        self._touch(root_id)
        self.size -= len(where.pop(server)) + ENTRY_BYTES
        if not where:
            del self._where[root_id]
            if self._order is not None:
                del self._order[bisect_right(self._order, root_id) - 1]

    def set_public(self, server: str, count: int) -> None:
        """Set how many connections of a server have not signed in."""
        self._public.pop(server, None)
        if count:
            self._public[server] = count

    def begin(self, server: str) -> None:
        """Begin a new list of a server."""
        self._stale[server] = {root_id for root_id, where in self._where.items() if server in where}
        self._public.pop(server, None)

    def end(self, server: str) -> None:
        """End a new list of a server: users whom it has not named are there no longer."""
        for root_id in self._stale.pop(server, ()):
            self.remove(server, root_id)

    def drop(self, server: str) -> None:
        """Forget what a server has said."""
        self.begin(server)
        self.end(server)

    def servers(self) -> frozenset[str]:
        """Return the servers that have users or connections here."""
        return frozenset(self._public).union(*self._where.values())

    def entry(self, root_id: str) -> bytes | None:
        """Return the entry of a user; None: the user is not there.

        Of several servers, the highest id that gives any info counts, so that all servers show the same.
        """
        where = self._where.get(root_id)
        if where is None:
            return None
        if len(where) == 1:
            (info,) = where.values()
        else:
            info = max(((server, info) for server, info in where.items() if info), default=("", b""))[1]
        return entry_of(root_id, info)

    def entries(self) -> list[bytes]:
        """Return the entries of all users."""
        return [entry for root_id in self._where if (entry := self.entry(root_id)) is not None]

    def page(self, after: str, limit: int) -> tuple[list[str], bool]:
        """Return the first users behind a root id, sorted, and whether there are more. "": from the beginning."""
        if self._order is None and not after:
            first = nsmallest(limit + 1, self._where)  # most look at one page
            return first[:limit], len(first) > limit
        if self._order is None:
            self._order = sorted(self._where)
        start = bisect_right(self._order, after)
        return self._order[start : start + limit], len(self._order) > start + limit

    def take_changes(self) -> Difference:
        """Return what has changed since the last call. Who came and went in between is not in it."""
        joined: list[bytes] = []
        left: list[bytes] = []
        for root_id, before in self._before.items():
            now = self.entry(root_id)
            if now is None:
                if before is not None:
                    left.append(before)
            elif now != before:
                joined.append(now)
        self._before.clear()
        return Difference(joined, left)

    def touched(self) -> Difference:
        """Return how it stands with each user that has changed since `take_changes`, also with those who came and went."""
        entries = {root_id: self.entry(root_id) for root_id in self._before}
        joined = [entry for entry in entries.values() if entry is not None]
        gone = [root_id for root_id, entry in entries.items() if entry is None]
        return Difference(joined, [self._before[root_id] or entry_of(root_id, b"") for root_id in gone])

    def forget_changes(self) -> None:
        """Take it that all was told."""
        self._before.clear()

    @property
    def has_changed(self) -> bool:
        """Return whether any user has changed since `take_changes`."""
        return bool(self._before)

    def _touch(self, root_id: str) -> None:
        if root_id not in self._before:
            self._before[root_id] = self.entry(root_id)
