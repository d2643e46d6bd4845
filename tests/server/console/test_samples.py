"""Samples: the figures of a second."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from walkwire.server.console.samples import SecondSampler


def test_a_sample_has_what_was_counted_since_the_last_one() -> None:
    wire: Any = SimpleNamespace(hub=SimpleNamespace(clients={1: 1}), queued_bytes=7, turn=None)
    sampler = SecondSampler(wire)
    sampler.begin()
    sampler.events += 3
    sampler.latencies += [0.001] * 19 + [0.1]

    first, second = (json.loads(sampler.sample(now, 0.002)) for now in (1.0, 2.0))

    assert (first["events"], first["walks"], first["p50"], first["p95"]) == (3, 20, 1.0, 100.0)
    assert (first["connections"], first["queue"], first["lag"]) == (1, 7, 2.0)
    assert first["memory"] > 1_000_000
    assert (second["events"], second["walks"], second["p50"]) == (0, 0, None)
    assert [json.loads(line)["at"] for line in sampler.history()] == [1.0, 2.0]
