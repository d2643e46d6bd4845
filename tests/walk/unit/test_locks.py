"""Locks: first come first served, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from walkwire.store import lock_keys
from walkwire.walk.unit.locks import Claim, Locks

KEYS = lock_keys(["a"], ["b"])


async def holding(locks: Locks) -> Claim:
    claim = Claim(locks)
    await claim.acquire(KEYS)
    return claim


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_claims_are_served_in_the_order_in_which_they_came() -> None:
    locks, served = Locks(), []

    async def claim(name: str) -> None:
        held = await holding(locks)
        served.append(name)
        await turns()
        held.release()

    await asyncio.gather(*map(claim, "abc"))

    assert served == ["a", "b", "c"]
    assert locks.is_free(KEYS)


async def test_what_is_held_is_free_only_to_its_holder() -> None:
    locks = Locks()
    held = await holding(locks)
    assert not locks.is_free(KEYS)
    assert locks.is_free(KEYS, held)
    assert locks.is_free(lock_keys(["other"], []))


async def test_two_that_want_each_others_locks_do_not_wait_for_each_other() -> None:
    locks = Locks()
    ann, bob = Claim(locks), Claim(locks)
    await ann.acquire(lock_keys(["a"], []))
    await bob.acquire(lock_keys(["b"], []))

    async def both(claim: Claim, other: str) -> None:
        await claim.acquire(lock_keys([other], []))
        await turns()
        claim.release()

    async with asyncio.timeout(30):
        await asyncio.gather(both(ann, "b"), both(bob, "a"))

    assert locks.is_free(lock_keys(["a", "b"], []))


async def test_a_claim_ends_by_itself_after_its_time(monkeypatch: Any) -> None:
    monkeypatch.setattr("walkwire.walk.unit.locks.HOLD_SECONDS", 0.001)
    locks = Locks()
    first = await holding(locks)

    second = await holding(locks)

    assert locks.is_free(KEYS, second)
    second.release()
    first.release()
    assert locks.is_free(KEYS)


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    locks = Locks()
    held = await holding(locks)
    waiting = [asyncio.ensure_future(holding(locks)) for _ in range(2)]
    await turns()
    waiting[0].cancel()
    held.release()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    (await waiting[1]).release()

    assert locks.is_free(KEYS)


async def test_who_gives_up_just_when_it_is_served_hands_the_lock_on() -> None:
    locks = Locks()
    held = await holding(locks)
    waiting = [asyncio.ensure_future(holding(locks)) for _ in range(2)]
    await turns()
    held.release()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

    (await waiting[1]).release()

    assert locks.is_free(KEYS)
