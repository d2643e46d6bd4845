"""Happenings: runs the walkers of a program `on` connect, disconnect, join and leave, as the user concerned.

What one user does is handled in its order, one after another; users are handled side by side. What has not begun when its
opposite happens is left out, as is the opposite. Nothing is stored: what a server that is killed has not run yet is never run.
"""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import Task
from collections import OrderedDict, deque
from collections.abc import Awaitable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from walkwire.errors import Busy, Limited, PublicError
from walkwire.ids import LOG_IDS, PUBLIC_ROOT, root_reference
from walkwire.server.channels.rules import compiled
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.specs import specs_mistake, specs_of
from walkwire.wire.presence.attendance import Happening, Occasion, OnHappening

WAITING = 10_000  # happenings; those beyond it are dropped
PAUSE = 0.2  # seconds, before a walk is tried again that the server had no room for
TRIES = 10
LAST_SECONDS = 3.0  # for what happened last, when the server stops
LOGGED_SECONDS = 10.0  # between two lines of the log about what was dropped

FIELDS = ("occasion", "channel_id", "client_id", "root_id", "info")
_OPPOSITE: dict[Occasion, Occasion] = {
    "connect": "disconnect",
    "disconnect": "connect",
    "join": "leave",
    "leave": "join",
}

_log = logging.getLogger(__name__)


class RunWalkerOn(Protocol):
    """Runs a walker on an occasion: `Dispatch.happen`."""

    def __call__(
        self, walker: type, context: bytes, root_id: str, client_id: str | None, payer: str
    ) -> Awaitable[None]:
        """Run it with these fields, a JSON object. Raises PublicError."""


class Attended(Protocol):
    """The clients of a server: `Hub` implements it."""

    def attend(self, on_happening: OnHappening) -> None:
        """Call this whenever a client comes, goes, joins or leaves."""


class _Served(NamedTuple):
    walker: type
    patterns: dict[str, list[re.Pattern[str] | None]]  # by occasion; None: each
    fields: tuple[str, ...]
    needs_user: bool


class Happenings:
    """Queues what happens, and runs walkers. Called on the event loop of the sockets.

    - run: runs a walker
    - at_once: users who are handled at the same time
    - hub: tells what happens, once a walker runs on anything; None: somebody else does
    - dropped: happenings that had no place in the queue
    """

    def __init__(
        self, walkers: Mapping[str, type], run: RunWalkerOn, at_once: int, hub: Attended | None = None
    ) -> None:
        self.dropped = 0
        self._run = run
        self._at_once = at_once
        self._hub = hub
        self._served: dict[str, _Served] = {}
        self._waiting = 0
        # By user, or by client of the public user: what has not begun, in order, by its occasion, user, client and channel.
        self._lanes: dict[str, OrderedDict[tuple[str, ...], Happening]] = {}
        self._ready: deque[str] = deque()
        self._under_way: set[Task[None]] = set()
        self._logged = -LOGGED_SECONDS
        for walker in walkers.values():
            self.add(walker)

    @property
    def waiting(self) -> int:
        """Return how many happenings wait for a place."""
        return self._waiting

    def __len__(self) -> int:
        """Return how many walkers are run on any occasion."""
        return len(self._served)

    def add(self, walker: type) -> None:
        """Run a walker on its occasions. Raises StartError if it needs fields that no occasion gives."""
        specs = specs_of(walker)
        if not specs.on:
            self._served.pop(walker.__name__, None)
            return
        model = model_of(walker).model_fields
        names = {field.alias or name: field.is_required() for name, field in model.items()}
        if missing := sorted(name for name, needed in names.items() if needed and name not in FIELDS):
            raise specs_mistake(walker, f"'on' gives {', '.join(FIELDS)}, but no {', '.join(missing)}")
        patterns: dict[str, list[re.Pattern[str] | None]] = {}
        for occasion in specs.on:
            kind, _, pattern = occasion.partition(":")
            patterns.setdefault(kind, []).append(compiled(pattern) if pattern else None)
        fields = tuple(name for name in FIELDS if name in names)
        self._served[walker.__name__] = _Served(walker, patterns, fields, specs.auth)
        if self._hub is not None:
            self._hub.attend(self)

    def __call__(self, happening: Happening) -> None:
        """Run the walkers of an occasion soon."""
        if not any(self._is_for(served, happening) for served in self._served.values()):
            return
        key = happening.client_id if happening.root_id == PUBLIC_ROOT else happening.root_id
        lane = self._lanes.get(key)
        opposite = (_OPPOSITE[happening.occasion], *happening[1:4])
        if lane is not None and lane.pop(opposite, None) is not None:
            self._waiting -= 1
            return
        if self._waiting >= WAITING:
            self._drop()
            return
        self._waiting += 1
        if lane is None:
            lane = self._lanes[key] = OrderedDict()
            self._ready.append(key)
        lane[happening[:4]] = happening
        self._begin()

    async def stop(self, seconds: float = LAST_SECONDS) -> None:
        """Run what is queued, for so many seconds at most, then nothing more."""
        end = asyncio.get_running_loop().time() + seconds
        while self._under_way and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._under_way, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        self._served.clear()
        for task in self._under_way:
            task.cancel()
        if self._waiting:
            _log.warning(
                "The server stops: %d happenings (connect, disconnect, join, leave) were not handled",
                self._waiting,
            )

    def _begin(self) -> None:
        while self._ready and len(self._under_way) < self._at_once:
            task = asyncio.get_running_loop().create_task(self._handle_all(self._ready.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._end)

    def _end(self, task: Task[None]) -> None:
        self._under_way.discard(task)
        self._begin()

    async def _handle_all(self, key: str) -> None:
        lane = self._lanes[key]
        while lane:
            _, happening = lane.popitem(last=False)
            self._waiting -= 1
            for served in tuple(self._served.values()):
                if self._is_for(served, happening):
                    await self._handle(served, happening)
        del self._lanes[key]

    async def _handle(self, served: _Served, happening: Happening) -> None:
        LOG_IDS.set({"client": happening.client_id, "event": happening.occasion})
        given = {
            "occasion": happening.occasion,
            "channel_id": happening.channel_id,
            "client_id": happening.client_id,
            "root_id": root_reference(happening.root_id),
            "info": msgspec.Raw(happening.info or b"{}"),
        }
        context = msgspec.json.encode({name: given[name] for name in served.fields})
        client_id = None if happening.occasion == "disconnect" else happening.client_id
        payer = happening.address if happening.root_id == PUBLIC_ROOT else ""
        name = served.walker.__name__
        for attempt in range(1, TRIES + 1):
            try:
                await self._run(served.walker, context, happening.root_id, client_id, payer)
            except (Busy, Limited) as error:
                if attempt == TRIES:
                    _log.error("Walker %s was not run on %s: %s", name, happening.occasion, error.message)
                    return
                await asyncio.sleep(PAUSE)
            except PublicError as error:
                _log.error("Walker %s failed on %s: %s", name, happening.occasion, error.message)
                return
            except Exception:
                _log.exception("Walker %s failed on %s", name, happening.occasion)
                return
            else:
                return

    def _drop(self) -> None:
        self.dropped += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged >= LOGGED_SECONDS:
            self._logged = now
            _log.error(
                "More happens than walkers can be run on: %d happenings were dropped so far", self.dropped
            )

    def _is_for(self, served: _Served, happening: Happening) -> bool:
        patterns = served.patterns.get(happening.occasion)
        if patterns is None or (served.needs_user and happening.root_id == PUBLIC_ROOT):
            return False
        return any(pattern is None or pattern.match(happening.channel_id) for pattern in patterns)
