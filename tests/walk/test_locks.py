"""Locks: first come first served, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from walkwire.walk.locks import Locks, keys_of

KEYS = keys_of(["a"], ["b"])


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_claims_are_served_in_the_order_in_which_they_came() -> None:
    locks, served = Locks(), []

    async def claim(name: str) -> None:
        held = await locks.take(KEYS)
        served.append(name)
        await turns()
        held.release()

    await asyncio.gather(*map(claim, "abc"))

    assert served == ["a", "b", "c"]
    assert locks.is_free(KEYS, None)


async def test_who_waits_for_a_free_lock_goes_by_and_holds_nothing() -> None:
    locks, order = Locks(), []
    held = await locks.take(KEYS)
    assert not locks.is_free(KEYS, None)
    assert locks.is_free(KEYS, held)

    async def passing() -> None:
        await locks.free(KEYS, None)
        order.append("passed")

    async def claiming() -> None:
        claim = await locks.take(KEYS)
        order.append("claimed")
        claim.release()

    waiting = [asyncio.ensure_future(passing()), asyncio.ensure_future(claiming())]
    await turns()
    assert order == []
    held.release()
    await asyncio.gather(*waiting)
    assert order == ["passed", "claimed"]


async def test_a_claim_ends_by_itself_after_its_time(monkeypatch: Any) -> None:
    monkeypatch.setattr("walkwire.walk.locks.HOLD_SECONDS", 0.001)
    locks = Locks()
    first = await locks.take(KEYS)

    second = await locks.take(KEYS)

    assert first.held == []
    second.release()
    first.release()
    assert locks.is_free(KEYS, None)


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    locks = Locks()
    held = await locks.take(KEYS)
    waiting = [asyncio.ensure_future(locks.take(KEYS)) for _ in range(2)]
    await turns()
    waiting[0].cancel()
    held.release()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    (await waiting[1]).release()

    assert locks.is_free(KEYS, None)


async def test_who_gives_up_just_when_it_is_served_hands_the_lock_on() -> None:
    locks = Locks()
    held = await locks.take(KEYS)
    waiting = [asyncio.ensure_future(locks.take(KEYS)) for _ in range(2)]
    await turns()
    held.release()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    (await waiting[1]).release()

    assert locks.is_free(KEYS, None)
