"""Screen: shows the progress and the result of a run."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from walkwire.load.address import Address
from walkwire.load.plan import Plan
from walkwire.load.run import Run
from walkwire.load.tally import Result

BUSY = 0.9  # of a core; beyond it the times are those of the tool


def run(address: Address, plan: Plan, console: Console) -> Result:
    """Run a plan and return its result. Shows the progress if there is a terminal. Raises StartError."""
    _allow_many_files(plan.connections)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    facts = TextColumn("{task.fields[facts]}")
    with (
        Progress(
            *columns, facts, console=console, transient=True, disable=not console.is_terminal
        ) as progress,
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
    ):
        return runner.run(Run(address, plan).run(_painter(progress, plan)))


def show(result: Result, console: Console) -> None:
    """Print a result as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in _rows(result):
        table.add_row(name, value)
    console.print(table)
    for error in result.errors:
        console.print(error, style="red", markup=False)
    if result.busy > BUSY:
        console.print(
            f"This tool took {result.busy:.0%} of a core: the times are partly its own", style="yellow"
        )


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


def _painter(progress: Progress, plan: Plan) -> Callable[[Run], None]:
    opening = progress.add_task("connecting", total=plan.connections, facts="")
    sending = progress.add_task("sending", total=plan.messages, facts="")

    def paint(run: Run) -> None:
        progress.update(opening, completed=run.connected)
        p50, p99 = (1000 * run.delays.quantile(part) for part in (0.5, 0.99))
        facts = f"{run.delivered:,} delivered, p50 {p50:.1f} ms, p99 {p99:.1f} ms" if run.sent else ""
        progress.update(sending, completed=run.sent, facts=facts)

    return paint


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
