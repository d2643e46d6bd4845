"""Recovery: clients that drop, resume, join, leave, change their user and read slowly, over every kind of history.

Servers are killed, and so are the services that keep history. Networks part. History is trimmed, expires, or is lost. Whatever
happens: what a client hears of a stream has no duplicate and is in order, and what a server claims to have recovered is complete.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.brokers.service import is_open
from tests.histories.recovery.brokers import BrokerGround
from tests.histories.recovery.ground import Ground
from tests.histories.recovery.kinds import HASTY, KINDS, SABOTAGE, sabotage
from tests.histories.recovery.memory import MemoryGround
from tests.histories.recovery.run import play_round
from tests.histories.recovery.truth import Fault
from walkwire.histories.memory import MemoryHistory
from walkwire.history import Mark, Page

REAL = ("redis", "nats", "sqlite", "postgres")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for something broken waits for a shorter time."""
    for module, name, value in HASTY:
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def ground(kind: str) -> Iterator[Ground]:
    made = KINDS[kind].make()
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_happens_a_client_hears_everything_once_and_in_order(
    ground: Ground, kind: str
) -> None:
    is_real = kind in REAL
    worlds, steps = (3, 60) if is_real else (6, 200)
    counts = await play_round(ground, 1, worlds, steps)
    assert counts.resumes > 10
    assert counts.claims > 10


@pytest.mark.parametrize(("kind", "seed"), [("network", 1002)])
async def test_what_was_found_once_is_not_there_any_more(ground: Ground, seed: int) -> None:
    """1002: a client had heard more than its server, became another user, and then the first one again."""
    await play_round(ground, seed, 1, 400)


class Deadly(random.Random):
    """Chance that kills what can be killed, at once, and lets it be away for as long as possible."""

    def choice(self, options: Any) -> Any:
        """Choose."""
        return "kill" if "kill" in options else max(options)

    def uniform(self, a: float, b: float) -> float:
        """Return no number at random."""
        return 0.0


@pytest.mark.parametrize("kind", ["redis", "nats"])
async def test_a_storm_that_ends_while_the_service_is_away_leaves_none_away(ground: BrokerGround) -> None:
    async with ground:
        service = ground._service
        storm = asyncio.create_task(ground.storm(Deadly()))
        while service.is_running:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
        storm.cancel()
        await asyncio.gather(storm, return_exceptions=True)
        assert not service.is_running
        await ground.calm()
        assert is_open(service.port)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_thousands_of_resumes_over_every_kind(ground: Ground, kind: str) -> None:
    counts = await play_round(ground, 100, KINDS[kind].worlds, 400)
    assert counts.claims > counts.resumes


# A server that is alone hears itself, without gaps.
@pytest.mark.parametrize(("kind", "fault"), [("memory", "append"), ("network", "append"), ("network", "gap")])
async def test_the_model_notices_a_broken_server(
    ground: Ground, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notices(ground, fault, 6, 200, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("fault", SABOTAGE)
async def test_the_model_notices_a_broken_server_over_services(
    ground: Ground, kind: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notices(ground, fault, KINDS[kind].worlds, 400, monkeypatch)


async def notices(ground: Ground, fault: str, worlds: int, steps: int, patch: pytest.MonkeyPatch) -> None:
    for target, name, value in sabotage(ground, fault):
        patch.setattr(target, name, value)
    with pytest.raises(Fault):
        await play_round(ground, 1, worlds, steps)


class Boastful(MemoryHistory):
    """A history that never says that something was dropped."""

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        page = await super().read(topic, limit, after=after, upto=upto)
        return page._replace(has_gap=False)


class Repeating(MemoryHistory):
    """A history whose pages begin with the entry that was heard already."""

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        if after is not None and after.offset:
            after = after._replace(offset=after.offset - 1)
        return await super().read(topic, limit, after=after, upto=upto)


@pytest.mark.parametrize("broken", [Boastful, Repeating])
async def test_the_model_notices_a_history_that_breaks_its_promises(broken: type[MemoryHistory]) -> None:
    with pytest.raises(Fault):
        await play_round(MemoryGround(is_shared=False, history=broken), 1, 6, 400)
