"""`python -m bench.against CHECKOUT`: walkwire as it is here beside walkwire of another checkout, say of an older commit.

Rows of version 1 of the protocol, per CPU second of the server. Both run on the Python and the libraries of this environment, on
the program `bench/walkers.py` of this checkout. In each round both are measured, in alternating order. A figure is the median of
the rounds' ratios, this checkout by the other one. Nothing is written.

    git worktree add ../before COMMIT
    .venv/bin/python -m bench.against ../before --rounds 7
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.peer import WALKWIRE, Peer
from bench.scenarios import nothing, sockets
from bench.stage import Figures, Stage

ROWS: dict[str, Callable[[Stage, Peer], Figures]] = {
    "fan-out": sockets.fan_out_of,
    "echo": sockets.echo_of,
    "arrivals": sockets.arrivals_of,
    "tell": sockets.tell_of,
    "nothing-rest": lambda stage, peer: nothing.post(stage, peer, "/walker/nothing"),
    "nothing-socket": lambda stage, peer: nothing.ask(stage, "nothing", peer),
    "nothing-async": lambda stage, peer: nothing.ask(stage, "nothing_async", peer),
}


def main() -> None:
    """Read the arguments, measure, print a line for each figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.against", description=__doc__)
    parser.add_argument("checkout", type=Path, help="a folder with another walkwire/")
    parser.add_argument("--only", action="append", choices=ROWS, help="of the rows")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    arguments = parser.parse_args()
    if not (arguments.checkout / "walkwire" / "__init__.py").is_file():
        parser.error(f"{arguments.checkout} has no walkwire/__init__.py")
    peers = (WALKWIRE, replace(WALKWIRE, root=arguments.checkout.resolve()))
    print(f"{'':44} {'here':>10} {'there':>10} {'ratio':>6}  of the rounds")
    for name in arguments.only or ROWS:
        for line in compare(ROWS[name], peers, arguments.rounds, arguments.seconds):
            print(f"{name:15} {line}", flush=True)


def compare(
    measure: Callable[[Stage, Peer], Figures], peers: tuple[Peer, Peer], rounds: int, seconds: float
) -> list[str]:
    """Measure both in each round; a line for each figure that is per CPU second."""
    found: list[tuple[Figures, Figures]] = []
    for number in range(rounds):
        order = peers if number % 2 else peers[::-1]
        one, other = (measure(Stage(seconds), peer) for peer in order)
        found.append((one, other) if number % 2 else (other, one))
    lines = []
    for figure in found[0][0]:
        if figure == "per second" or figure.endswith(" ms"):
            continue  # they depend on the load client, too
        ratios = [here[figure] / there[figure] for here, there in found]
        middle = [statistics.median(pair[side][figure] for pair in found) for side in (0, 1)]
        lines.append(
            f"{figure:28} {middle[0]:10,.0f} {middle[1]:10,.0f} {statistics.median(ratios):6.3f}"
            f"  {min(ratios):.3f}-{max(ratios):.3f}"
        )
    return lines


if __name__ == "__main__":
    main()
