"""Deadlines of many connections with one timer."""

from __future__ import annotations

import asyncio

from walkwire.wire.deadlines import Deadlines


async def test_one_that_is_cancelled_or_started_again_does_not_expire() -> None:
    expired: list[str] = []
    done = asyncio.Event()

    def expire(name: str) -> None:
        expired.append(name)
        deadlines.cancel("again")
        done.set()

    deadlines = Deadlines[str](0.05, expire)
    for name in ("late", "here", "again"):
        deadlines.start(name)
    deadlines._turn()  # they are old now
    deadlines.cancel("here")
    deadlines.restart("again")
    deadlines.start("late")  # runs already
    async with asyncio.timeout(30):
        await done.wait()
    assert expired == ["late"]


async def test_without_a_limit_nothing_is_kept() -> None:
    deadlines = Deadlines[str](0, lambda name: None)
    deadlines.start("anybody")
    assert not deadlines._new
