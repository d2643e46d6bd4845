"""Run: a workload on a stack, harmed by a nemesis, as a history; then its report."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.history.checker import Report, check
from tests.cluster.history.clients import Client, Listener, NotAsked, Recorder, Reply
from tests.cluster.history.model import Add, Fault, History
from tests.cluster.history.nemesis import Nemesis, kinds_of
from tests.cluster.history.stack import Kind, Stack, stack
from tests.cluster.history.workload import CHANNELS, Pair, Plan, Thing, World
from tests.serving import PASSWORD

_USERS = 2  # who sign in; several clients are the same user
_PAIRS = 2
_REGISTRATIONS = 2.0  # seconds between two new users
_TRIES = 200  # of a question that has to be answered once all is whole again


@dataclass(frozen=True)
class Options:
    """What to run. It ends after so many `operations` or `seconds`, whichever comes first.

    - `faults`: "all", "none", or kinds of harm.
    - `pause`, `span`: about so many seconds between two faults, and for each.
    - `without`: kinds of walks that are left out, with commas between them.
    """

    stack: Kind
    seed: int
    operations: int = 1_000_000_000
    seconds: float = 1e9
    faults: str = "all"
    servers: int = 2
    clients: int = 16
    pause: float = 1.0
    span: float = 1.0
    without: str = ""


async def run(options: Options, folder: Path, say: Callable[[str], object] = lambda line: None) -> History:
    """The history of one run. `say` is told how it goes."""
    chance = random.Random(options.seed)
    async with stack(options.stack, folder, options.servers, chance) as made:
        history = await _Run(options, made, chance, say).run()
    return history


def report(history: History) -> tuple[Report, str]:
    """The report of a history, with the faults in its text."""
    found = check(history)
    return found, f"{found}\n{_of_faults(history.faults)}"


class _Run:
    def __init__(
        self, options: Options, made: Stack, chance: random.Random, say: Callable[[str], object]
    ) -> None:
        self._options = options
        self._stack = made
        self._chance = chance
        self._say = say
        self._world = World(random.Random(chance.random()))
        self._recorder = Recorder(self._world)
        self._zero = self._recorder.zero
        self._tokens: list[str] = []
        self._registrations: dict[int, tuple[float, float, Reply]] = {}
        self._is_over = False

    async def run(self) -> History:
        """Return the history once everything is whole again and was read at last."""
        options, recorder = self._options, self._recorder
        for _ in range(_USERS):
            await self._register()
        self._tokens = [await self._log_in(number) for number in range(_USERS)]
        maker = Client(self._stack, -1, self._tokens[0])
        await self._prepare(maker)
        numbers = itertools.count()
        listeners = [
            Listener(recorder, place, channel, numbers)
            for place in self._stack.places
            for channel in CHANNELS
        ]
        faults = kinds_of(options.stack) if options.faults == "all" else tuple(options.faults.split(","))
        faults = () if options.faults == "none" else faults
        nemesis = Nemesis(
            self._stack, faults, random.Random(self._chance.random()), options.pause, options.span
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                harming = tasks.create_task(nemesis.run())
                for number in range(options.clients):
                    tasks.create_task(self._work(number))
                tasks.create_task(self._make_more(maker))
                tasks.create_task(self._register_more())
                await self._until_done()
                nemesis.end()
                await harming
                await self._stack.settle()
                self._is_over = True
            await self._sweep(maker)
            await self._settle(listeners)
        finally:
            for listener in listeners:
                listener.task.cancel()
            await asyncio.gather(*(listener.task for listener in listeners), return_exceptions=True)
            await maker.close()
        self._end(nemesis.faults)
        return recorder.history

    async def _until_done(self) -> None:
        start = told = time.monotonic()
        while (
            self._recorder.done < self._options.operations
            and time.monotonic() - start < self._options.seconds
        ):
            await asyncio.sleep(0.2)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self._say(f"{self._recorder.done:,} operations after {told - start:.0f} s")

    # Before

    async def _register(self) -> None:
        """One more user. What came of it is looked up at the end."""
        number = len(self._world.emails)
        email = f"user{number}@example.com"
        place = self._chance.choice(self._stack.places)
        server = place.server
        if server is None:
            return
        self._world.emails.append(email)
        invoked = time.monotonic() - self._zero
        reply = Reply("info", "connection lost", None, place.name)
        try:
            answer = await server.post("/user/register", {"email": email, "password": PASSWORD})
        except httpx.ConnectError:
            reply = Reply("fail", "not asked", None, place.name)
        except httpx.TransportError:
            pass
        else:
            status = answer.status_code
            outcome: Any = (
                "ok" if status == 201 else "info" if status == 500 or "doubt" in answer.text else "fail"
            )
            reply = Reply(outcome, "" if status == 201 else f"register {status}", None, place.name)
        self._registrations[number] = invoked, self._recorder.now(), reply

    async def _log_in(self, number: int) -> str:
        server = self._stack.places[0].server
        assert server is not None
        account = {"email": self._world.emails[number], "password": PASSWORD}
        token: str = (await server.post("/user/login", account)).json()["token"]
        return token

    async def _prepare(self, maker: Client) -> None:
        while wanted := self._world.wanted():
            await self._make(maker, wanted)
        tags = [("half", next(self._world.numbers)) for _ in range(2 * _PAIRS)]
        _, reply = await maker.walk("make", {"wanted": tags})
        things = [
            Thing(kind, tag, reference) for (kind, tag), reference in zip(tags, reply.result[0], strict=True)
        ]
        self._world.pairs = [Pair(*things[place : place + 2]) for place in range(0, len(things), 2)]

    # During

    async def _work(self, number: int) -> None:
        user = number % _USERS
        client = Client(self._stack, number, self._tokens[user], over_rest=number % 8 == 7)
        without = self._options.without.split(",")
        while not self._is_over:
            await self._once(client, number, self._world.plan(user, without))
        await client.close()

    async def _once(self, client: Client, process: int, plan: Plan) -> bool:
        """Ask for a walk and write down what came of it; whether it was done."""
        steps = [part.ask for part in plan.parts]
        try:
            invoked, reply = await client.walk("act", {"steps": steps, "in_hand": plan.in_hand})
        except NotAsked:
            await asyncio.sleep(0.01)
            return False
        self._recorder.take(plan, process, invoked - self._zero, reply)
        return reply.outcome == "ok"

    async def _make(self, maker: Client, wanted: list[tuple[str, int]]) -> None:
        try:
            invoked, reply = await maker.walk("make", {"wanted": wanted})
        except NotAsked:
            return
        if reply.outcome == "ok":
            for (kind, tag), reference in zip(wanted, reply.result[0], strict=True):
                self._world.take(kind, tag, reference)
        adds = [Add(f"alive:{tag}", tag) for _, tag in wanted]
        self._recorder.add(-1, invoked - self._zero, reply, adds, "make")

    async def _make_more(self, maker: Client) -> None:
        while not self._is_over:
            if wanted := self._world.wanted():
                await self._make(maker, wanted)
            await asyncio.sleep(0.01)

    async def _register_more(self) -> None:
        while not self._is_over:
            await asyncio.sleep(_REGISTRATIONS)
            await self._register()

    # After

    async def _sweep(self, client: Client) -> None:
        """Read everything once more, now that nothing is harmed."""
        for plan in self._world.sweep():
            for _ in range(_TRIES):
                if await self._once(client, -2, plan):
                    break
            else:
                raise AssertionError("the servers do not recover")

    async def _settle(self, listeners: list[Listener]) -> None:
        """Let all listeners hear what was told before now."""
        now = self._recorder.now()
        async with asyncio.timeout(30):
            for listener in listeners:
                await listener.until_settled(now)

    def _end(self, faults: list[Fault]) -> None:
        """Put in what is known only now: the users, and when operations went on after each fault."""
        history, world = self._recorder.history, self._world
        for number, (invoked, completed, reply) in self._registrations.items():
            element = world.registered.get(number) or world.root(f"nobody's {number}")
            steps = [Add("users", number), Add("roots", element)]
            self._recorder.add(-3, invoked, reply, steps, "register")
            history.transactions[-1] = replace(history.transactions[-1], completed=completed)
        known = {
            step.element
            for one in history.transactions
            for step in one.steps
            if step[0] == "roots" and isinstance(step, Add)
        }
        others = [Add("roots", element) for element in world.roots.values() if element not in known]
        first = min(one.invoked for one in history.transactions)
        self._recorder.add(-3, first - 2, Reply("ok", "", None, ""), others, "first roots")
        history.transactions[-1] = replace(history.transactions[-1], completed=first - 1)
        history.unique = world.unique
        for fault in faults:
            start, end = fault.start - self._zero, fault.end - self._zero
            later = self._recorder.successes[bisect_right(self._recorder.successes, end) :][:1]
            history.faults.append(replace(fault, start=start, end=end, back=later[0] if later else None))


def _of_faults(faults: list[Fault]) -> str:
    lines = []
    for kind in sorted({fault.kind for fault in faults}):
        some = [fault for fault in faults if fault.kind == kind]
        spent = sum(fault.end - fault.start for fault in some)
        back = [fault.back - fault.end for fault in some if fault.back is not None]
        lines.append(
            f"fault {kind}: {len(some)} times, {spent:.1f} s in all"
            + (
                f", the next success {sum(back) / len(back):.2f} s after its end ({max(back):.2f} at most)"
                if back
                else ""
            )
        )
    return "\n".join(lines) or "no faults"
