"""Exchange: what the servers tell each other about presence, so that those who watch a channel know all of its members.

A server that watches channels says so to all others, once for each channel. Each of them answers with its members, and tells it
what changes, on the topic of that server: a server is sent nothing about channels that nobody watches there. All updates of one
server to another have one counter, and beats name it, so a lost update is noticed, even the last one; then everything is asked
for anew. A server that is not heard for `LEASE` seconds is forgotten, with all of its members. A restarted server has another id.
"""

from __future__ import annotations

import logging
from asyncio import Future, get_running_loop
from collections.abc import Callable, Collection, Iterable, Iterator

from msgspec import Raw

from walkwire.errors import PublicError
from walkwire.wire.message import envelope
from walkwire.wire.presence import messages
from walkwire.wire.presence.messages import (
    AskInterests,
    AskMembers,
    Beat,
    Here,
    Interest,
    Interests,
    Part,
    Update,
    Who,
    Word,
)
from walkwire.wire.presence.other import Ledger, Other, Publisher
from walkwire.wire.presence.roster import Roster

BEAT = 3.0  # seconds between beats
LEASE = 10.0  # without a word, a server is forgotten
ASK = 1.0  # seconds to wait for answers, and between two equal questions to one server
COLD = 0.25  # seconds to wait for answers while no other server is known
ACTIVE = 30.0  # seconds after a question for which others go on to beat
PART = 500  # users in one part
NAMES = 500  # channels in one message

_UNKNOWN = 1 << 62  # a version that nobody answers: it is not known yet who would

_log = logging.getLogger(__name__)


class Exchange:
    """Tells other servers about members, and hears about theirs.

    - others: by id
    - wanted: by channel, which of them watch it
    """

    def __init__(self, peers: Publisher, ledger: Ledger, clock: Callable[[], float]) -> None:
        self.others: dict[str, Other] = {}
        self.wanted: dict[str, set[str]] = {}
        self._peers = peers
        self._ledger = ledger
        self._clock = clock
        self._mine: set[str] = set()
        self.version = 0
        self._next_beat = 0.0
        self._active_until = 0.0
        self._began: float | None = None  # when this server asked first; None: it wants to know nothing
        self._waiters: list[tuple[int, float, Future[None]]] = []
        self._question = 0
        self._questions: dict[int, tuple[set[str], set[str], float, Future[None]]] = {}
        self._is_alone = False  # whether the last message to all had nobody to reach
        self._hears: dict[type, Callable[..., None]] = {
            Beat: self._hear_beat,
            Interest: self._hear_interest,
            AskInterests: self._hear_ask_interests,
            Interests: self._hear_interests,
            AskMembers: self._hear_ask_members,
            Update: self._hear_update,
            Who: self._hear_who,
            Here: self._hear_here,
        }

    @property
    def is_busy(self) -> bool:
        """Return whether `tick` has anything to do."""
        return bool(self._mine or self.others or self._waiters or self._questions)

    # What this server watches

    def watch(self, channel_ids: Collection[str]) -> None:
        """Begin to hear about these channels."""
        self._begin()
        self._mine.update(channel_ids)
        self._announce(tuple(channel_ids), ())

    def unwatch(self, channel_ids: Collection[str]) -> None:
        """Hear about these channels no longer."""
        self._mine.difference_update(channel_ids)
        self._announce((), tuple(channel_ids))

    def when_answered(self, version: int) -> Future[None] | None:
        """Return a future that is done when all servers have answered these interests, or do not in time; None: they have."""
        now, others = self._clock(), self.others
        if self._is_nobody() or (others and self._is_answered(version)):
            return None
        future = get_running_loop().create_future()
        self._waiters.append((version, now + ASK, future) if others else (_UNKNOWN, now + COLD, future))
        return future

    async def find_online(self, root_ids: Collection[str]) -> frozenset[str]:
        """Return those of the users who have a connection to any other server that answers in time."""
        self._begin()
        self._active_until = self._clock() + ACTIVE
        self._question += 1
        self._send(Who(self._question, tuple(root_ids)))
        if self._is_nobody():
            return frozenset()
        found: set[str] = set()
        waiting = set(self.others)
        future = get_running_loop().create_future()
        due = self._clock() + (ASK if waiting else COLD)
        self._questions[self._question] = (waiting, found, due, future)
        await future
        return frozenset(found)

    def _begin(self) -> None:
        if self._began is None:
            self._began = self._clock()

    def _is_nobody(self) -> bool:
        """Return whether there is no other server: it would have answered something by now."""
        is_sure = self._began is not None and self._clock() - self._began >= COLD
        return not self.others and (self._is_alone or is_sure)

    def _announce(self, added: tuple[str, ...], dropped: tuple[str, ...]) -> None:
        for number in range(0, max(len(added), len(dropped)), NAMES):
            self.version += 1
            few = slice(number, number + NAMES)
            self._send(Interest(self.version, added[few], dropped[few]))

    def _is_answered(self, version: int) -> bool:
        return all(other.answered >= version for other in self.others.values())

    # What others watch

    def tell(self, rosters: Iterable[Roster]) -> None:
        """Tell those who watch these channels what has changed in them."""
        parts: dict[str, list[Raw]] = {}
        for roster in rosters:
            joined, left = roster.take_outgoing()
            servers = self.wanted.get(roster.channel_id)
            if not servers:
                continue
            for number in range(0, max(len(joined), len(left), 1), PART):
                here = slice(number, number + PART)
                known = tuple((root_id, Raw(info or b"{}")) for root_id, info in joined[here])
                part = messages.encoded(Part(roster.channel_id, known, tuple(left[here]), roster.public))
                for server in servers:
                    parts.setdefault(server, []).append(part)
        for server, told in parts.items():
            if (other := self.others.get(server)) is not None:
                for few in messages.packed(told):
                    self._update(server, other, few)

    def _update(
        self,
        server: str,
        other: Other,
        parts: Collection[Raw],
        answers: int = 0,
        is_first: bool = False,
        is_last: bool = False,
    ) -> None:
        other.sent += 1
        self._send(Update(other.sent, tuple(parts), answers, is_first, is_last), server)

    def _answer(self, server: str, other: Other, channel_ids: Iterable[str], is_all: bool = False) -> None:
        """Tell a server about all members of these channels, a page in each turn of the event loop."""
        is_all = is_all or other.sent == other.begun
        other.jobs.append(self._job(server, other, list(channel_ids), other.version, is_all))
        if len(other.jobs) == 1:
            self._work(server)

    def _work(self, server: str) -> None:
        other = self.others.get(server)
        while other is not None and other.jobs:
            if next(other.jobs[0], self) is self:
                other.jobs.popleft()
            else:
                get_running_loop().call_soon(self._work, server)
                return

    def _job(
        self, server: str, other: Other, channel_ids: list[str], version: int, is_all: bool
    ) -> Iterator[None]:
        kept: list[Raw] = []
        size = 0
        is_first = is_all
        for channel_id in channel_ids:
            roster = self._ledger.own(channel_id) if channel_id in other.watches else None
            while roster is not None and roster.uncounted:
                yield
            for part in () if roster is None else _pages(roster):
                raw = messages.encoded(part)
                if kept and size + len(bytes(raw)) > messages.UPDATE:
                    self._update(server, other, kept, is_first=is_first)
                    kept, size, is_first = [], 0, False
                    yield
                kept.append(raw)
                size += len(bytes(raw))
        self._update(server, other, kept, version, is_first, is_all)

    # What is heard

    def hear(self, server: str, data: bytes) -> None:
        """Handle a message of another server."""
        word = messages.decode(data)
        if word is None:
            return
        other = self.others.get(server)
        if other is None:
            is_needed = self._mine or self._active_until > self._clock()
            if isinstance(word, Beat) and not word.is_watching and not is_needed:
                return
            other = self.others[server] = Other(self._clock())
        other.seen = self._clock()
        self._hears[type(word)](server, other, word)

    def _hear_beat(self, server: str, other: Other, word: Beat) -> None:
        other.is_watching = word.is_watching
        if word.version != other.version:
            self._ask(server, other, AskInterests())
        if other.heard < other.claimed:
            self._ask(server, other, AskMembers())
        other.claimed = word.sent.get(self._peers.server, 0)

    def _hear_interest(self, server: str, other: Other, word: Interest) -> None:
        if word.version <= other.version:
            return
        if word.version > other.version + 1:
            other.is_watching = True
            self._ask(server, other, AskInterests())
            return
        other.version = word.version
        self._want(server, other, word.added)
        self._lose(server, other, word.dropped)
        other.is_watching = bool(other.watches)
        self._answer(server, other, word.added)

    def _hear_ask_interests(self, server: str, other: Other, word: AskInterests) -> None:
        names = tuple(self._mine)
        for number in range(0, max(len(names), 1), NAMES):
            is_last = number + NAMES >= len(names)
            part = names[number : number + NAMES]
            self._send(Interests(self.version, part, number == 0, is_last), server)

    def _hear_interests(self, server: str, other: Other, word: Interests) -> None:
        if word.is_first:
            other.coming = set()
        other.coming.update(word.channel_ids)
        if not word.is_last or word.version < other.version:
            return
        coming, other.coming = other.coming, set()
        added = coming - other.watches
        other.version = word.version
        self._lose(server, other, other.watches - coming)
        self._want(server, other, added)
        self._answer(server, other, added)

    def _hear_ask_members(self, server: str, other: Other, word: AskMembers) -> None:
        self._answer(server, other, other.watches, is_all=True)

    def _hear_update(self, server: str, other: Other, word: Update) -> None:
        if word.is_first:
            self._ledger.begin(server)
        elif word.number != other.heard + 1:
            self._ask(server, other, AskMembers())
            return
        other.heard = word.number
        for part in messages.parts_of(word):
            if part.channel_id in self._mine:
                self._ledger.hear(server, part)
        if word.is_last:
            self._ledger.end(server)
        if word.answers > other.answered:
            other.answered = word.answers
            self._end_waiting()

    def _hear_who(self, server: str, other: Other, word: Who) -> None:
        other.is_watching = True
        self._send(Here(word.question, tuple(self._ledger.online(word.root_ids))), server)

    def _hear_here(self, server: str, other: Other, word: Here) -> None:
        question = self._questions.get(word.question)
        if question is None:
            return
        waiting, found, _, future = question
        found.update(word.root_ids)
        if server in waiting:
            waiting.discard(server)
            if not waiting:
                del self._questions[word.question]
                _end(future)

    # Time

    def tick(self) -> None:
        """Beat, and forget servers that do not. Call it a few times each second while `is_busy`."""
        now = self._clock()
        for server, other in list(self.others.items()):
            if now - other.seen > LEASE:
                self._forget(server, other)
        self._end_waiting(now)
        is_watching = bool(self._mine) or self._active_until > now
        if not is_watching:
            self._began = None
        if now >= self._next_beat and (
            is_watching or any(other.is_watching for other in self.others.values())
        ):
            self._next_beat = now + BEAT
            sent = {server: other.sent for server, other in self.others.items() if other.sent > other.begun}
            self._send(Beat(self.version, is_watching, sent))

    def _forget(self, server: str, other: Other) -> None:
        del self.others[server]
        self._lose(server, other, tuple(other.watches))
        self._ledger.drop(server)
        for waiting, _, _, _ in self._questions.values():
            waiting.discard(server)

    def _end_waiting(self, now: float | None = None) -> None:
        waiters, self._waiters = self._waiters, []
        for version, due, future in waiters:
            if (self.others and self._is_answered(version)) or (now is not None and now >= due):
                _end(future)
            elif not future.done():
                self._waiters.append((version, due, future))
        if now is not None:
            for number, (_, _, due, future) in list(self._questions.items()):
                if now >= due:
                    del self._questions[number]
                    _end(future)

    def stop(self) -> None:
        """Wait for nobody any more."""
        self._is_alone = True
        self.others.clear()
        for _, _, future in self._waiters:
            _end(future)
        for _, _, _, future in self._questions.values():
            _end(future)
        self._waiters.clear()
        self._questions.clear()

    def _want(self, server: str, other: Other, channel_ids: Iterable[str]) -> None:
        for channel_id in channel_ids:
            other.watches.add(channel_id)
            self.wanted.setdefault(channel_id, set()).add(server)

    def _lose(self, server: str, other: Other, channel_ids: Iterable[str]) -> None:
        for channel_id in channel_ids:
            other.watches.discard(channel_id)
            servers = self.wanted.get(channel_id)
            if servers is not None:
                servers.discard(server)
                if not servers:
                    del self.wanted[channel_id]
                    self._ledger.release(channel_id)

    def _ask(self, server: str, other: Other, word: Word) -> None:
        now = self._clock()
        if now - other.asked.get(type(word), -ASK) >= ASK:
            other.asked[type(word)] = now
            self._send(word, server)

    def _send(self, word: Word, server: str | None = None) -> None:
        topic = envelope.ALL if server is None else envelope.server_topic(server)
        try:
            self._peers.publish("presence", (), (topic,), messages.encode(word))
        except PublicError as error:  # found out by the counters when the broker is back
            _log.debug("A message about presence was not sent: %s", error)
            is_alone = True
        else:
            is_alone = self._peers.when_published() is None
        if server is None:
            self._is_alone = is_alone


def _pages(roster: Roster) -> Iterator[Part]:
    """Yield the whole list of a server's members. It is read while they come and go: each page has those who are there then."""
    members = roster.members
    root_ids = list(members)
    for number in range(0, max(len(root_ids), 1), PART):
        few = [root_id for root_id in root_ids[number : number + PART] if root_id in members]
        joined = tuple((root_id, Raw(members[root_id].info or b"{}")) for root_id in few)
        is_last = number + PART >= len(root_ids)
        yield Part(roster.channel_id, joined, (), roster.public, number == 0, is_last)


def _end(future: Future[None]) -> None:
    if not future.done():
        future.set_result(None)
