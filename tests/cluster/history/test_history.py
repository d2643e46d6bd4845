"""Real servers under harm keep what docs/units-of-work.md promises: some seconds for each stack, by fixed seeds.

A long run, by hand: `python -m tests.cluster.history --operations 200000 --stack postgres+redis --faults all --seed 1`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.history.run import Options, report, run
from tests.cluster.history.stack import Kind

SECONDS = 8.0


@pytest.mark.parametrize(
    ("stack", "faults", "seed"),
    [
        ("sqlite", "stop,lock", 1),
        pytest.param("sqlite", "kill", 2, marks=pytest.mark.long),
        pytest.param("postgres+redis", "commits,late", 1, marks=pytest.mark.long),
        pytest.param("postgres+redis", "crash,stop,broker-kill", 2, marks=pytest.mark.long),
        pytest.param("postgres+redis", "cut,kill", 3, marks=pytest.mark.long),
        pytest.param("postgres+nats", "commits,broker-freeze", 4, marks=pytest.mark.long),
        pytest.param("postgres+nats", "restart,hold,freeze", 5, marks=pytest.mark.long),
    ],
)
async def test_a_history_is_strictly_serialisable(
    stack: Kind, faults: str, seed: int, tmp_path: Path
) -> None:
    history = await run(Options(stack, seed, seconds=SECONDS, faults=faults, pause=0.3, span=0.7), tmp_path)
    found, text = report(history)
    print(f"\n{stack}, seed {seed}\n{text}")
    assert found.outcomes["ok"] > 20
    assert not found.findings, text
