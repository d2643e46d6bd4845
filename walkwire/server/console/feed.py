"""Feed: what happens on this server, for those who look now: events, notifications, walks, refusals, and a sample a second.

While nobody looks, nothing is recorded and nothing ticks. An operator whose browser is slow loses entries, and is told how many.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from walkwire.errors import PublicError
from walkwire.ids import LOG_IDS, root_reference
from walkwire.server.console.samples import SecondSampler
from walkwire.server.console.shown import SHOWN, shown
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.unit.record import WalkRecord, Watcher
from walkwire.wire.delivery.client import Client
from walkwire.wire.message.event import Event, Unreadable
from walkwire.wire.message.notification import Notification
from walkwire.wire.tap import Looker
from walkwire.wire.wire import Wire

RECENT = 300  # entries that a new viewer is shown
QUEUED = 1024 * 1024  # bytes that wait for a viewer; beyond it, the oldest entries are dropped
A_SECOND = 1000  # entries that are shown of one second; those beyond it are counted
VIEWERS = 20
TARGETS = 20  # names of receivers in an entry
WALKS = 300  # records of walks that are kept, of
WALK_BYTES = 16 * 1024 * 1024  # bytes at most, as estimated
FLUSH_SECONDS = 0.1
WINDOW = 5  # seconds over which the rates of clients are measured

_TARGETS = ("channel_ids", "root_ids", "client_ids")
_DATA = ("data", "context", "info")

Entry = dict[str, Any]  # ready to be encoded as JSON


class Viewer:
    """One open page. Its queue is bounded."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._news = asyncio.Event()
        self._is_over = False

    def put(self, line: bytes) -> None:
        """Queue a line. Drops the oldest ones if too much waits."""
        self._lines.append(line)
        self._size += len(line)
        while self._size > QUEUED and len(self._lines) > 1:
            self._size -= len(self._lines.popleft())
            self._lost += 1
        self._news.set()

    def end(self) -> None:
        """Let `lines` end."""
        self._is_over = True
        self._news.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield what is queued, many lines at once, until the end."""
        while not self._is_over:
            await self._news.wait()
            self._news.clear()
            lines, lost = list(self._lines), self._lost
            self._lines.clear()
            self._size = self._lost = 0
            if lost:
                lines.insert(0, msgspec.json.encode({"t": "lost", "count": lost}) + b"\n")
            if lines:
                yield b"".join(lines)
            await asyncio.sleep(FLUSH_SECONDS)  # what comes meanwhile goes together


class LiveFeed(Watcher):
    """Watches the wire and the walks while there are viewers. All calls come from the event loop of the sockets."""

    def __init__(
        self, wire: Wire, runtime: Runtime, sampler: SecondSampler, clock: Callable[[], float] = time.time
    ) -> None:
        self._rates: dict[str, tuple[float, float]] = {}
        self._wire = wire
        self._looker = Looker(self._event, self._notification, self._refusal)
        self._runtime = runtime
        self._sampler = sampler
        self._clock = clock
        self._viewers: list[Viewer] = []
        self._recent: deque[bytes] = deque(maxlen=RECENT)
        self._walks: OrderedDict[int, tuple[WalkRecord, int]] = OrderedDict()
        self._walk_bytes = 0
        self._number = 0
        self._shown = self._unshown = 0  # entries of this second
        self._events: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._ticks = 0
        self._ticking: asyncio.Task[None] | None = None
        self._is_stopped = False

    def open(self) -> Viewer:
        """Begin to look. Call `close` in the end. Raises PublicError if too many look already."""
        if len(self._viewers) >= VIEWERS or self._is_stopped:
            raise PublicError("busy", f"{VIEWERS} pages look at this server, the most that may", 503)
        viewer = Viewer()
        if not self._viewers:
            self._begin()
        self._viewers.append(viewer)
        for line in (*self._sampler.history(), *self._recent):
            viewer.put(line)
        return viewer

    def close(self, viewer: Viewer) -> None:
        """Look no longer."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            if not self._viewers:
                self._end()

    def stop(self) -> None:
        """End all views, because the server stops."""
        self._is_stopped = True
        for viewer in tuple(self._viewers):
            viewer.end()
            self.close(viewer)

    def rate_of(self, client_id: str) -> tuple[float, float]:
        """Return how many events and bytes a client sent in a second, on average of the last seconds."""
        return self._rates.get(client_id, (0.0, 0.0))

    def walk(self, number: int) -> WalkRecord | None:
        """Return the record of a walk that was shown; None if it is no longer kept."""
        found = self._walks.get(number)
        return None if found is None else found[0]

    def add(self, kind: str, entry: Entry) -> int:
        """Show an entry, unless this second has too many. Return its number."""
        self._number += 1
        if self._shown >= A_SECOND:
            self._unshown += 1
            return self._number
        self._shown += 1
        head = {"t": kind, "n": self._number, "at": round(self._clock(), 3)}
        line = msgspec.json.encode(head | entry) + b"\n"
        self._recent.append(line)
        for viewer in self._viewers:
            viewer.put(line)
        return self._number

    # What happens

    def begun(self, record: WalkRecord) -> None:
        """Count a walk that begins (`Watcher`)."""
        self._sampler.walks += 1

    def ended(self, record: WalkRecord) -> None:
        """Show a walk, and keep its record (`Watcher`)."""
        self._sampler.walks -= 1
        self._sampler.latencies.append(record.seconds or 0.0)
        error = record.error
        entry = {
            "walker": record.walker,
            "root": root_reference(record.root_id),
            "client": record.client_id,
            "mode": record.mode,
            "node": record.node,
            "ids": {name: str(value) for name, value in record.ids.items()},
            "ms": round((record.seconds or 0) * 1000, 2),
            "status": record.status,
            "error": None if error is None else _sentence(error),
            "outcome": _outcome(error),
            "attempts": record.attempts,
            "statements": record.statements,
            "steps": len(record.steps),
            "reads": sum(len(step.reads) for step in record.steps),
            "written": len(record.written),
            "told": len(record.told),
            "fields": shown(record.fields),
        }
        number = self.add("walk", entry)
        size = _size_of(record)
        self._walks[number] = record, size
        self._walk_bytes += size
        while self._walks and (len(self._walks) > WALKS or self._walk_bytes > WALK_BYTES):
            _, (_, freed) = self._walks.popitem(last=False)
            self._walk_bytes -= freed

    def refused(self, error: PublicError) -> None:
        """Show an error that is sent over REST."""
        if self._viewers:
            self._sampler.refusals += 1
            ids = LOG_IDS.get()
            self.add(
                "refusal",
                {"code": error.code, "message": error.message[:SHOWN], "request": ids.get("request")},
            )

    def _event(self, client: Client, event: Event, size: int) -> None:
        self._sampler.events += 1
        self._sampler.received += size
        self._events[client.id] += 1
        self._bytes[client.id] += size
        if isinstance(event, Unreadable):
            return  # it is shown as a refusal
        fields = event.__struct_fields__
        targets = next((getattr(event, name) for name in _TARGETS if name in fields), ())
        data = next((bytes(getattr(event, name)) for name in _DATA if name in fields), b"")
        entry = {
            "client": client.id,
            "root": root_reference(client.root_id),
            "type": event.__struct_config__.tag,
            "walker": getattr(event, "walker", None),
            "targets": [str(target) for target in targets[:TARGETS]],
            "targets_count": len(targets),
            "size": size,
            "data": shown(data),
            "id": event.id,
        }
        self.add("event", entry)

    def _notification(self, notification: Notification) -> None:
        self._sampler.notifications += 1
        targets = notification.targets
        names = (
            [root_reference(one) for one in targets[:TARGETS]] if notification.kind == "users" else targets
        )
        entry = {
            "kind": notification.kind,
            "targets": list(names[:TARGETS]),
            "targets_count": len(targets),
            "size": len(notification.data),
            "data": shown(notification.data),
            "here": self._receivers(notification),
        }
        self.add("told", entry)

    def _receivers(self, notification: Notification) -> int:
        """Return how many clients of this server receive it, counted for the first targets."""
        hub, targets = self._wire.hub, notification.targets[:TARGETS]
        if notification.kind == "users":
            return sum(hub.count(target) for target in targets)
        if notification.kind == "clients":
            return sum(target in hub.clients for target in targets)
        return sum(len(hub.members(target)) for target in targets)

    def _refusal(self, client: Client, event: Event, error: PublicError) -> None:
        self._sampler.refusals += 1
        kind = "unreadable" if isinstance(event, Unreadable) else event.__struct_config__.tag
        entry = {
            "client": client.id,
            "root": root_reference(client.root_id),
            "type": kind,
            "code": error.code,
            "message": error.message[:SHOWN],
            "id": event.id,
        }
        self.add("refusal", entry)

    # Its life

    def _begin(self) -> None:
        self._wire.hub.tap.add(self._looker)
        self._runtime.watchers.append(self)
        self._sampler.begin()
        self._ticking = asyncio.ensure_future(self._tick())

    def _end(self) -> None:
        self._wire.hub.tap.remove(self._looker)
        self._runtime.watchers.remove(self)
        assert self._ticking is not None
        self._ticking.cancel()
        self._recent.clear()
        self._walks.clear()
        self._walk_bytes = 0
        self._rates = {}
        self._events.clear()
        self._bytes.clear()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 1
            await asyncio.sleep(1)
            line = self._sampler.sample(round(self._clock(), 1), loop.time() - due)
            for viewer in self._viewers:
                viewer.put(line)
            if self._unshown:
                lost = msgspec.json.encode({"t": "lost", "count": self._unshown}) + b"\n"
                for viewer in self._viewers:
                    viewer.put(lost)
            self._shown = self._unshown = 0
            self._ticks += 1
            if not self._ticks % WINDOW:
                self._rates = {
                    id: (count / WINDOW, self._bytes[id] / WINDOW) for id, count in self._events.items()
                }
                self._events.clear()
                self._bytes.clear()


def _sentence(error: BaseException) -> str:
    text = error.message if isinstance(error, PublicError) else f"{type(error).__name__}: {error}"
    return text[:SHOWN]


def _outcome(error: BaseException | None) -> str:
    if isinstance(error, PublicError):
        return error.code
    if error is None:
        return "ok"
    return "fault" if isinstance(error, Exception) else "cancelled"


def _size_of(record: WalkRecord) -> int:
    """Return about how many bytes a record takes."""
    reads = sum(len(step.reads) + len(step.writes) for step in record.steps)
    texts = sum(len(one.before or "") + len(one.after or "") + 300 for one in record.written)
    told = sum(len(one.data) + 200 for one in record.told)
    return 1000 + 400 * len(record.steps) + 160 * reads + texts + told
