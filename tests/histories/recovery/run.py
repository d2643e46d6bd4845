"""Run: worlds by the dozen on the services of a kind, until so many sessions were resumed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable

from tests.histories.recovery.ground import Ground
from tests.histories.recovery.person import Counts
from tests.histories.recovery.world import World


async def play_round(ground: Ground, seed: int, worlds: int, steps: int) -> Counts:
    """Play worlds at the same time, with the seeds from `seed` on, while services break. Raises Fault."""
    counts = Counts()
    made: list[World] = []
    async with ground:
        try:
            for number in range(seed, seed + worlds):
                made.append(World(await ground.place(number, random.Random(-number)), number))
            storm = asyncio.create_task(ground.storm(random.Random(seed)))
            try:
                await _all(world.play(steps) for world in made)
            finally:
                storm.cancel()
                await asyncio.gather(storm, return_exceptions=True)
                await ground.calm()
            await _all(world.finish() for world in made)
        finally:
            for world in made:
                await world.close()
                counts.add(world.counts)
    return counts


async def run(
    ground: Ground,
    resumes: int,
    seed: int,
    worlds: int,
    steps: int,
    show: Callable[[str], None] = lambda line: None,
) -> Counts:
    """Play one round after another until so many sessions were resumed in all. Raises Fault."""
    counts = Counts()
    while counts.resumes < resumes:
        counts.add(await play_round(ground, seed, worlds, steps))
        show(f"seeds {seed} to {seed + worlds - 1}: {counts}")
        seed += worlds
    return counts


async def _all(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Wait for all. The first error ends the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
