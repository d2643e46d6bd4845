"""Screen: shows the progress and the result of a run."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from functools import partial

import click

from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run
from walkwire.load.tally import Result
from walkwire.terminal import Progress, columns

BUSY = 0.9  # of a core; beyond it the times are those of the tool


def run(address: Address, plan: Plan) -> Result:
    """Run a plan and return its result. Shows the progress if there is a terminal. Raises StartError."""
    _allow_many_files(plan.connections)
    with (
        Progress("connecting", plan.connections) as opening,
        Progress("sending", plan.messages) as sending,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        return runner.run(Run(address, plan).run(partial(_paint, opening, sending)))


def show(result: Result) -> None:
    """Print a result as a table."""
    for line in columns(_rows(result)):
        click.echo(line)
    for error in result.errors:
        click.echo(click.style(error, fg="red"))
    if result.busy > BUSY:
        said = f"This tool took {result.busy:.0%} of a core: the times are partly its own"
        click.echo(click.style(said, fg="yellow"))


def _rows(result: Result) -> list[tuple[str, str]]:
    return [
        ("connections", f"{result.connections:,} in {result.channels:,} channels"),
        ("sent", f"{result.sent:,}"),
        ("delivered", f"{result.delivered:,} of {result.due:,}, {result.per_second:,.0f} a second"),
        *((name, f"{value:,.2f} ms") for name, value in _delays(result)),
        ("lost", f"{result.lost:,}"),
        ("duplicated", f"{result.duplicated:,}"),
        ("reordered", f"{result.reordered:,}"),
        ("closed by the server", f"{result.closed:,}"),
    ]


def _delays(result: Result) -> list[tuple[str, float]]:
    return [("p50", result.p50), ("p99", result.p99), ("p99.9", result.p999), ("max", result.max)]


def _paint(opening: Progress, sending: Progress, run: Run) -> None:
    if not run.sent:
        opening.move(run.connected)
        return
    p50, p99 = (1000 * run.delays.quantile(part) for part in (0.5, 0.99))
    sending.move(run.sent, f"{run.delivered:,} delivered, p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def _allow_many_files(connections: int) -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 100
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if most < 0 else min(wanted, most), most))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # where it cannot be built
        return None
    return uvloop.new_event_loop
