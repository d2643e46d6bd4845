"""`python -m tests.histories.recovery --kind redis --resumes 20000 --seed 1`: a long run, by hand.

Prints what happened, and ends with 1 where a promise of the streams was broken. Each round starts its services, plays `--worlds`
systems with seeds of their own at the same time, mends everything, and compares what clients have heard with what was sent.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from functools import partial

import uvloop

from tests.histories.recovery.kinds import HASTY, KINDS, SABOTAGE, sabotage
from tests.histories.recovery.run import run
from tests.histories.recovery.truth import Fault


def main() -> int:
    """Run, check, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories.recovery", description=__doc__)
    parser.add_argument("--kind", choices=tuple(KINDS), default="memory")
    parser.add_argument("--resumes", type=int, default=20_000, help="end after so many resumed sessions")
    parser.add_argument("--seed", type=int, default=1, help="of the first world; the others count on")
    parser.add_argument("--worlds", type=int, help="at the same time")
    parser.add_argument("--steps", type=int, default=400, help="of each world")
    parser.add_argument("--sabotage", choices=SABOTAGE, help="break the product, to see the run fail")
    parser.add_argument("--verbose", action="store_true", help="show what the servers log")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING if given.verbose else logging.CRITICAL)
    kind = KINDS[given.kind]
    ground = kind.make()
    for target, name, value in HASTY:
        setattr(target, name, value)
    if given.sabotage is not None:
        for target, name, value in sabotage(ground, given.sabotage):
            setattr(target, name, value)
    worlds = given.worlds or kind.worlds
    start = time.monotonic()
    show = partial(print, flush=True)
    try:
        counts = uvloop.run(run(ground, given.resumes, given.seed, worlds, given.steps, show))
    except Fault as fault:
        print(f"FAULT, {given.kind}, after {time.monotonic() - start:.0f} s: {str(fault)[:2000]}")
        return 1
    finally:
        ground.close()
    print(f"{given.kind}, seed {given.seed}: {counts}; no fault, {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
