"""`python -m tests.cluster.history --operations 200000 --stack postgres+redis --faults all --seed 1`: a long run, by hand.

Prints a report, and ends with 1 where anything is wrong. `--save` keeps the history, `--load` checks one that was kept.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.cluster.history.model import History
from tests.cluster.history.run import Options, report, run
from tests.cluster.history.stack import KINDS


def main() -> int:
    """Run, check, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.history", description=__doc__)
    parser.add_argument("--stack", choices=KINDS, default="postgres+redis")
    parser.add_argument("--operations", type=int, default=200_000)
    parser.add_argument(
        "--seconds", type=float, default=1e9, help="end after so many seconds, if that is sooner"
    )
    parser.add_argument("--faults", default="all", help="all, none, or kinds with commas between them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two faults")
    parser.add_argument("--span", type=float, default=2.0, help="seconds that a fault takes")
    parser.add_argument("--without", default="", help="kinds of walks to leave out, with commas between them")
    parser.add_argument("--save", type=Path, help="keep the history in this file")
    parser.add_argument("--load", type=Path, help="check this history, and run nothing")
    given = vars(parser.parse_args())
    save, load = given.pop("save"), given.pop("load")
    if load is not None:
        history = History.load(load)
    else:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            history = asyncio.run(run(Options(**given), Path(folder), partial(print, flush=True)))
        print(f"{given['stack']}, seed {given['seed']}: {time.monotonic() - start:.0f} s")
    if save is not None:
        history.save(save)
    start = time.monotonic()
    found, text = report(history)
    print(f"{text}\nchecked in {time.monotonic() - start:.1f} s")
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
