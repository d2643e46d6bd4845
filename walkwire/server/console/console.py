"""Console: the parts of one server's console, put together."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec

from walkwire.account.accounts import Accounts
from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.ids import parse_root, root_reference
from walkwire.server.console.deeds import Deeds
from walkwire.server.console.everywhere import Everywhere
from walkwire.server.console.feed import LiveFeed
from walkwire.server.console.graph import GraphReader
from walkwire.server.console.people import WireReader
from walkwire.server.console.program import schedules_of, walkers_of
from walkwire.server.console.samples import SecondSampler
from walkwire.server.console.shown import shown
from walkwire.server.console.walks import described
from walkwire.server.http.health import Health
from walkwire.store import Asking, Store, TaskRecord, TaskState, UserRecord
from walkwire.walk.registry import Registry
from walkwire.walk.run.runtime import Runtime
from walkwire.wire.streams.streams import LevelOf
from walkwire.wire.wire import Wire

ROWS = 500

Row = dict[str, Any]  # ready to be encoded as JSON


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """What a console looks at.

    - title: the name of the program
    """

    config: Config
    title: str
    wire: Wire
    runtime: Runtime
    registry: Registry
    store: Store
    asking: Asking
    accounts: Accounts
    health: Health
    level_of: LevelOf


class Console:
    """What the routes of the console ask.

    - server: the id of this process
    - feed, people, graph, deeds: the live feed, and what is read and done here
    - everywhere: the same on all servers
    """

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._began = time.time()
        wire, store, asking = parts.wire, parts.store, parts.asking
        self.server = wire.ids.server
        self.feed = LiveFeed(wire, parts.runtime, SecondSampler(wire))
        self.people = WireReader(wire, self.feed.rate_of, store, asking, parts.level_of)
        self.graph = GraphReader(store, asking)
        self.deeds = Deeds(wire, parts.health)
        others = max(0, parts.config.workers - 1)
        group = f"{platform.node()} {os.getppid()}" if others else self.server
        self.everywhere = Everywhere(wire, self.people, self.deeds, self._walk, group, others)
        parts.health.when_leaving(self.feed.stop)

    async def stop(self) -> None:
        """End the open views, and a drain that is under way."""
        self.feed.stop()
        await self.deeds.stop()
        await self.everywhere.stop()

    def about(self) -> Row:
        """Return what this server is."""
        parts = self._parts
        return {
            "title": parts.title,
            "version": version("walkwire"),
            "python": platform.python_version(),
            "server": self.server,
            "process": os.getpid(),
            "workers": parts.config.workers,
            "production": parts.config.production,
            "began": self._began,
            "now": time.time(),
            "connections": len(parts.wire.hub.clients),
            "walkers": len(parts.registry.walkers),
            "trouble": parts.health.trouble,
            "draining": self.deeds.is_draining,
            "docs": parts.config.docs,
            "database": parts.config.database.partition(":")[0].partition("+")[0],
            "broker": parts.config.broker.partition(":")[0],
            "may_sign_in": not parts.config.production,
        }

    async def walkers(self) -> Row:
        """Return the walkers of the program."""
        return {"rows": await asyncio.to_thread(walkers_of, self._parts.registry)}

    async def users(self, text: str, limit: int) -> Row:
        """Return users whose address contains a text, or whose id or root it is."""
        limit = max(1, min(limit, ROWS))
        store = self._parts.store
        found = await self._parts.asking.ask(store.find_users, text.removeprefix("n::"), limit + 1)
        counts = await self.everywhere.counts([user.root_id for user in found[:limit]])
        rows = [self._user(user, count) for user, count in zip(found[:limit], counts, strict=True)]
        return {"rows": rows, "has_more": len(found) > limit}

    async def tasks(self, state: TaskState | None, limit: int) -> Row:
        """Return tasks, the latest due first, and the timetables of the program."""
        limit = max(1, min(limit, ROWS))
        found = await self._parts.asking.ask(self._parts.store.find_tasks, state, limit + 1)
        names = await self.people.names({task.root_id for task in found[:limit]})
        schedules = await asyncio.to_thread(schedules_of, self._parts.registry)
        rows = [_task(task, names) for task in found[:limit]]
        return {"rows": rows, "has_more": len(found) > limit, "schedules": schedules}

    async def sign_in(self, root: str) -> Row:
        """Return a token of a user, for walks from the page. Raises PublicError in production, and for unknown users."""
        if self._parts.config.production:
            raise PublicError("refused", "In production the console signs nobody in", 403)
        root_id = parse_root(root)
        user = await self._parts.asking.ask(self._parts.store.user_by_root, root_id)
        session = None if user is None else await self._parts.accounts.sessions.begin(user)
        if user is None or session is None:
            raise PublicError("no_access", "There is no such user", 404)
        return {"token": session.token, "expires": session.expires, "email": user.email}

    async def find_admin(self, token: str) -> str | None:
        """Return the e-mail address of the administrator whose token this is; None for any other token."""
        caller = await self._parts.accounts.auth.identify(token)
        if caller is None or caller.user_id is None:
            return None
        user = await self._parts.asking.ask(self._parts.store.user_by_id, caller.user_id)
        return user.email if user is not None and user.is_admin and user.is_ready else None

    def _walk(self, number: int) -> Row | None:
        record = self.feed.walk(number)
        return None if record is None else described(record)

    def _user(self, user: UserRecord, connections: int) -> Row:
        return {
            "id": user.id,
            "email": user.email,
            "root": root_reference(user.root_id),
            "is_activated": user.is_activated,
            "is_admin": user.is_admin,
            "email_proof": user.email_proof,
            "has_password": bool(user.password),
            "state": shown(msgspec.json.encode(dict(user.state))),
            "connections": connections,
        }


def _task(task: TaskRecord, names: dict[str, str]) -> Row:
    return {
        "id": task.id,
        "walker": task.walker,
        "root": root_reference(task.root_id),
        "user": names.get(task.root_id),
        "node": task.node,
        "state": task.state,
        "asked": task.asked,
        "due": task.due,
        "begun": task.begun,
        "status": task.status,
        "reports": None if task.reports is None else shown(task.reports),
        "error": task.error,
    }
