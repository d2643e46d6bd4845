"""Facts: what decides about rights on nodes (owner, grants, existence), cached for the channels that follow these nodes.

The cache is keyed by node, so one read serves all users. It is current, within these bounds:

- A commit that changes rights says so, to this server at once and to others through the broker, with the new grants.
- While a client is in a channel of the node, facts older than `WATCHED_SECONDS` are read again; otherwise they are forgotten.
- While the broker is away, the bound is `AWAY_SECONDS`. When it is back, everything is read again at once.

While the store fails, what was read last counts for those who listen. Nobody joins by facts that have to be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol

from walkwire.ids import PUBLIC_ROOT
from walkwire.store import BATCH, Asking, NodeRecord, Rereading
from walkwire.walk.access import Grants, RightsChange, decode_grants

WATCHED_SECONDS = 10.0
AWAY_SECONDS = 2.0
WAITING = 20_000  # nodes that wait to be read


class Nodes(Protocol):
    """The store, as far as it is needed here."""

    def load_nodes(self, ids: Sequence[str]) -> list[NodeRecord]:
        """Return the nodes with these ids. Absent ones are left out."""


class Fact(NamedTuple):
    """What is known of a node. `version` 0: there is none."""

    version: int
    kind: str = ""
    owner: str = ""
    grants: Grants | None = None


_ABSENT = Fact(0)


class _Known(NamedTuple):
    """A cached fact.

    - number: orders reads and messages
    - read: the number of the last read, which began at `asked`, in seconds of the clock
    """

    fact: Fact
    number: int
    read: int
    asked: float


class NodeFacts:
    """Caches what decides about the rights on nodes. Call its methods on the event loop of the sockets.

    It runs one task, only while something is cached.

    - on_change: called with the id of a watched node whose rights may have changed
    - on_forget: called with the id of a node that is not cached any more
    - decides: tells by the name of its class whether a node has a rule of its own: then every read counts as a change
    - away: returns why other servers cannot be reached; None: they can
    """

    def __init__(
        self,
        nodes: Nodes,
        asking: Asking,
        *,
        on_change: Callable[[str], None],
        on_forget: Callable[[str], None],
        decides: Callable[[str], bool],
        away: Callable[[], str | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nodes = nodes
        self._asking = asking
        self._on_change = on_change
        self._on_forget = on_forget
        self._decides = decides
        self._clock = clock
        self._known: dict[str, _Known] = {}  # by id, the oldest first; the roots of their owners among them
        self._of_owner: dict[str, set[str]] = {}  # the watched nodes of each root
        self._watched: set[str] = set()
        self._unread: dict[str, None] = {}  # watched nodes whose read failed
        self._rereading = Rereading(
            self._read,
            self._due,
            lambda: bool(self._known or self._watched),
            away,
            clock,
            "Whether rights on nodes changed",
        )
        self._heard: list[RightsChange] | None = None  # during a read: what it may have missed

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is cached or being read."""
        return not self._rereading.is_running

    def find(self, id: str) -> Fact | None:
        """Return what is known of a node; None: nothing, or nothing that is recent enough."""
        known = self._known.get(id)
        if known is None or id in self._unread:
            return None
        if id not in self._watched and not self._is_fresh(known):
            return None
        owner = known.fact.owner
        return known.fact if owner in self._known or owner in ("", PUBLIC_ROOT) else None

    def peek(self, id: str) -> Fact | None:
        """Return what is known of a node, however old; None: nothing. The roots of owners are read with their nodes."""
        known = self._known.get(id)
        return None if known is None else known.fact

    async def ask(self, ids: Iterable[str]) -> None:
        """Read these nodes, unless they are known, with the roots of their owners. `peek` then has those that exist.

        Raises Busy, and the store's errors.
        """
        await self._rereading.ask([id for id in ids if self.find(id) is None], WAITING)

    def watch(self, id: str) -> None:
        """Keep the facts of a node current."""
        known = self._known.get(id)
        if known is None or not self._is_fresh(known):
            self._unread[id] = None
        self._watched.add(id)
        if known is not None:
            self._of_owner.setdefault(known.fact.owner, set()).add(id)
        self._rereading.wake()

    def unwatch(self, id: str) -> None:
        """Keep them current no longer."""
        self._watched.discard(id)
        self._unread.pop(id, None)
        if (known := self._known.get(id)) is not None:
            self._disown(id, known.fact.owner)

    def hear(self, changes: Iterable[RightsChange]) -> None:
        """Take what commits did to nodes. Those that are not cached are skipped."""
        for change in changes:
            if self._heard is not None:
                self._heard.append(change)
            known = self._known.get(change.id)
            if known is None or known.fact.version == 0 or 0 < change.version <= known.fact.version:
                continue
            number = self._rereading.next()
            fact = _ABSENT
            if change.version:
                fact = Fact(change.version, change.kind, change.owner, decode_grants(change.access))
            self._learn(change.id, known._replace(fact=fact, number=number))

    def recheck(self) -> None:
        """Read everything again. Call it when the broker is back: messages may have been missed."""
        self._rereading.recheck()

    async def stop(self) -> None:
        """Stop reading. A read that is under way ends by itself."""
        await self._rereading.stop()

    def _is_fresh(self, known: _Known) -> bool:
        bound = AWAY_SECONDS if self._rereading.is_alert else WATCHED_SECONDS
        return known.read > self._rereading.before_gap and self._clock() - known.asked < bound

    def _due(self) -> list[str]:
        """Return watched nodes that have to be read again. Forgets nodes that nobody watches."""
        old: list[str] = []
        for id, known in self._known.items():
            if len(old) >= BATCH or self._is_fresh(known):
                break
            old.append(id)
        due = list(self._unread)[:BATCH]
        for id in old:
            if id in self._watched:
                due.append(id)
            elif id not in self._of_owner:
                del self._known[id]
                self._on_forget(id)
            else:  # read again with a node of this owner
                self._known[id] = self._known.pop(id)
        return due

    async def _read(self, ids: list[str], number: int, asked: float) -> None:
        heard: list[RightsChange] = []
        self._heard = heard
        try:
            found = await self._asking.ask(self._load, ids)
        finally:
            self._heard = None
        roots = [id for id in found if id not in ids]
        for id in (*roots, *ids):  # a node is judged by its owner's root, so that comes first
            self._learn_read(id, found.get(id), number, asked)
        self.hear(heard)

    def _load(self, ids: Collection[str]) -> dict[str, Fact]:
        """Read nodes and the roots of their owners, in a thread. An absent node takes two queries, as a forbidden one does."""
        records = {record.id: record for record in self._nodes.load_nodes(list(ids))}
        owners = {record.owner for record in records.values() if record.owner} - records.keys()
        roots = self._nodes.load_nodes(sorted(owners) or [PUBLIC_ROOT])
        found = {id: _fact_of(record) for id, record in records.items()}
        return found | {root.id: _fact_of(root) for root in roots if root.id in owners}

    def _learn_read(self, id: str, fact: Fact | None, number: int, asked: float) -> None:
        self._unread.pop(id, None)
        known = self._known.get(id)
        if known is None:
            if (
                fact is not None or id in self._watched
            ):  # anybody can ask for what does not exist: it is not kept
                self._learn(id, _Known(fact or _ABSENT, number, number, asked))
            return
        self._known[id] = self._known.pop(id)  # the oldest come first
        if known.number > number:  # a message came after this read began
            self._known[id] = known._replace(read=number, asked=asked)
        else:
            self._learn(id, _Known(fact or _ABSENT, number, number, asked))

    def _learn(self, id: str, new: _Known) -> None:
        old = self._known.get(id)
        self._known[id] = new
        if id in self._watched:
            if old is not None and old.fact.owner != new.fact.owner:
                self._disown(id, old.fact.owner)
            self._of_owner.setdefault(new.fact.owner, set()).add(id)
        if old is not None and old.fact == new.fact and not self._decides(new.fact.kind):
            return
        if id in self._watched:
            self._on_change(id)
        if old is None or old.fact.grants != new.fact.grants:
            for node in tuple(self._of_owner.get(id, ())):
                if node != id:
                    self._on_change(node)

    def _disown(self, id: str, owner: str) -> None:
        nodes = self._of_owner.get(owner)
        if nodes is not None:
            nodes.discard(id)
            if not nodes:
                del self._of_owner[owner]


def _fact_of(record: NodeRecord) -> Fact:
    return Fact(record.version, record.kind, record.owner, decode_grants(record.access))
