"""Rules: channels by pattern, and who may join and send in them: a level of the setting CHANNELS, or an answer of the program."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import time
from asyncio import Task
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from walkwire.config import ChannelLevel
from walkwire.errors import Busy, TimedOut
from walkwire.ids import parse_root
from walkwire.wire.delivery.client import Client
from walkwire.wire.rights.rights import Deed

CACHED = 4096  # channels whose rule is remembered
ANSWERS = 10_000  # answers of one decider that are remembered
UNDER_WAY = 1000  # questions to one decider at once
SECONDS = 10.0  # for one answer

_ROOT = "\N{OBJECT REPLACEMENT CHARACTER}"  # stands for {root_id} while a pattern is translated


class Question(NamedTuple):
    """Whether a user's clients may do something in a channel. `payer`: by whom the work is counted."""

    root_id: str
    deed: Deed
    channel_id: str
    payer: str = ""


Decide = Callable[[Question], Awaitable[bool]]


class PatternRule(Protocol):
    """Who may join and send in a channel."""

    def known(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return whether the client may do this; None: that has to be asked."""

    async def ask(self, question: Question, client: Client) -> bool:
        """Return whether it may. Raises Busy, TimedOut, and what the program raises."""

    def stop(self) -> None:
        """Cancel the questions under way."""


class LevelRule:
    """Levels for joining and for sending. `pattern` finds the root in a channel id, if it has one."""

    def __init__(self, pattern: re.Pattern[str], join: ChannelLevel, send: ChannelLevel) -> None:
        self._pattern = pattern
        self._levels: dict[Deed, ChannelLevel] = {"join": join, "send": send}

    def known(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return whether the client may do this."""
        level = self._levels[deed]
        if level == "members":  # a walker or a token makes members: nobody becomes one by asking
            return deed == "send" and channel_id in client.channels and channel_id not in client.refused
        if level == "owner":
            return client.is_authenticated and self._root_in(channel_id) == client.root_id
        return level == "all" or (level == "authenticated" and client.is_authenticated)

    async def ask(self, question: Question, client: Client) -> bool:
        """Return the same."""
        return bool(self.known(question.deed, client, question.channel_id))

    def stop(self) -> None:
        """Do nothing: a level needs no question."""

    def _root_in(self, channel_id: str) -> str | None:
        found = self._pattern.match(channel_id)
        return parse_root(found["root_id"]) if found is not None else None


class DecidedRule:
    """Asks `decide`, once for all that ask the same at the same time. Answers are used again for `seconds`."""

    def __init__(
        self, decide: Decide, seconds: float = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decide = decide
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[Question, tuple[bool, float]] = OrderedDict()
        self._asked: dict[Question, Task[bool]] = {}

    def known(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return a remembered answer."""
        return self._remembered(Question(client.root_id, deed, channel_id))

    async def ask(self, question: Question, client: Client) -> bool:
        """Return a remembered answer, or ask for one."""
        key = question._replace(payer="")
        answer = self._remembered(key)
        if answer is not None:
            return answer
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= UNDER_WAY:
                raise Busy
            task = asyncio.get_running_loop().create_task(self._answer(question, key))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(task)

    def stop(self) -> None:
        """Cancel the questions under way. A function that runs in a thread goes on."""
        for task in tuple(self._asked.values()):
            task.cancel()

    def _remembered(self, key: Question) -> bool | None:
        answer = self._answers.get(key)
        return answer[0] if answer is not None and self._clock() < answer[1] else None

    async def _answer(self, question: Question, key: Question) -> bool:
        asked = self._clock()
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._decide(question)
        except TimeoutError:
            raise TimedOut("Whether this is allowed could not be decided in time.") from None
        if self._seconds:
            self._answers[key] = (answer, asked + self._seconds)
            self._answers.move_to_end(key)
            if len(self._answers) > ANSWERS:
                self._answers.popitem(last=False)
        return answer

    def _end(self, key: Question, done: Task[bool]) -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # retrieve it: nobody may wait any more


class Rules:
    """The rules of all channels, the first that matches counts.

    A pattern applies to channels that follow a node only if it begins with `n:`, so that `*` does not open them.
    """

    def __init__(self, rules: Iterable[tuple[str, PatternRule]] = ()) -> None:
        self._rules = [(compiled(pattern), pattern.startswith("n:"), rule) for pattern, rule in rules]
        self.find = lru_cache(CACHED)(self._find)
        """Return the rule of a channel, given its id and whether it follows a node; None: it has none."""

    def __bool__(self) -> bool:
        return bool(self._rules)

    def stop(self) -> None:
        """Cancel all questions under way."""
        for _, _, rule in self._rules:
            rule.stop()

    def _find(self, channel_id: str, follows: bool) -> PatternRule | None:
        for pattern, is_for_nodes, rule in self._rules:
            if (is_for_nodes or not follows) and pattern.match(channel_id):
                return rule
        return None


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern: `*`, `?` and `[…]` as in file names, `{root_id}` for the id of a root."""
    translated = fnmatch.translate(pattern.replace("{root_id}", _ROOT, 1))
    return re.compile(translated.replace(_ROOT, "(?P<root_id>(?:n::)?[0-9a-fA-F]{24})"))
