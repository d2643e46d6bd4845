"""Patience: who waits gives up when nothing is answered, and not before."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.histories import patience
from walkwire.histories.patience import Patience


@pytest.fixture(autouse=True)
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "TICK", 0.01)


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> float:
    """Ticks that only the test makes."""
    monkeypatch.setattr(patience, "TICK", 3600.0)
    return 3600.0


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_an_answer_is_returned_and_an_error_raised() -> None:
    waiting = Patience(1)

    async def fail() -> None:
        raise OSError("broken")

    assert await waiting.wait(asyncio.sleep(0, "answer")) == "answer"
    with pytest.raises(OSError, match="broken"):
        await waiting.wait(fail())


async def test_everybody_gives_up_when_nothing_is_answered() -> None:
    waiting = Patience(0.02)
    results = await asyncio.gather(*(waiting.wait(never()) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [TimeoutError] * 3


async def test_nobody_gives_up_while_others_are_answered(tick: float) -> None:
    waiting = Patience(2 * tick)
    slow = asyncio.ensure_future(waiting.wait(never()))
    await asyncio.sleep(0)
    for _ in range(20):  # ticks that do not count, since something is heard before each
        waiting._look()
        assert await waiting.wait(asyncio.sleep(0, "answer")) == "answer"
    assert not slow.done()
    slow.cancel()


async def test_a_caller_that_is_cancelled_cancels_what_it_asked() -> None:
    waiting = Patience(1)
    asked = asyncio.ensure_future(never())
    caller = asyncio.ensure_future(waiting.wait(asked))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await asyncio.sleep(0)
    assert asked.cancelled()


async def test_who_waits_longest_gives_up_although_others_are_answered(tick: float) -> None:
    waiting = Patience(100 * tick, longest=5 * tick)
    slow = asyncio.ensure_future(waiting.wait(never()))
    await asyncio.sleep(0)
    for _ in range(6):
        waiting._look()
        assert await waiting.wait(asyncio.sleep(0, "answer")) == "answer"
    with pytest.raises(TimeoutError):
        await slow


async def test_who_waits_fails_at_once_when_the_connection_has_ended() -> None:
    waiting = Patience(60)
    ended = asyncio.get_running_loop().create_future()
    asked = asyncio.ensure_future(waiting.wait(never(), ended))
    await asyncio.sleep(0)
    ended.set_result(None)
    with pytest.raises(OSError, match="ended"):
        await asked
    assert await waiting.wait(asyncio.sleep(0, "answer"), None) == "answer"
