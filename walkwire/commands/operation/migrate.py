"""`walkwire migrate`: gives stored records new names of fields and classes, and finds those that fit their class no longer."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from walkwire.commands import options
from walkwire.commands.group import WRONG
from walkwire.terminal import Progress

if TYPE_CHECKING:
    from walkwire.store import RecordPages, RecordTable, StoredRecord
    from walkwire.walk.graph.renaming import Renames
    from walkwire.walk.registry import Registry

SHOWN = 20  # records that do not fit


@click.command()
@options.program
@options.database
@click.option(
    "--rename-field", "fields", metavar="CLASS.OLD=NEW", multiple=True, help="Of CLASS as it is called now."
)
@click.option("--rename-class", "classes", metavar="OLD=NEW", multiple=True, help="Of nodes, edges, objects.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be changed.")
@click.option("--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Records.")
@click.option("--after", metavar="ID", default="", help="Begin behind this id, which an earlier run printed.")
def migrate(
    program: Path,
    database: str | None,
    fields: tuple[str, ...],
    classes: tuple[str, ...],
    dry_run: bool,
    batch: int,
    after: str,
) -> None:
    """Look at all stored records with the classes of PROGRAM, and give them new names.

    Each batch is one transaction, so it may be stopped and run again. Exits with 1 if a record does not fit its class.
    """
    from walkwire import program as programs
    from walkwire.commands.operation.opened import opened
    from walkwire.ids import PUBLIC_ROOT
    from walkwire.stores.scratch import ScratchStore
    from walkwire.walk.graph.renaming import Renames
    from walkwire.walk.registry import Registry
    from walkwire.walk.run.alone import unit_of_work

    renames = Renames(_fields(fields), dict(_pair(text) for text in classes))
    scratch = ScratchStore()
    try:
        with unit_of_work(scratch, Registry(), PUBLIC_ROOT, is_loading=True):
            registry = programs.load(programs.find(program).file)
    finally:
        scratch.close()
    counts: Counter[str] = Counter()
    with opened(database) as store, Progress("migrating") as progress:
        _go_through(store, "nodes", registry, renames, counts, batch, after, dry_run, progress)
        _go_through(store, "edges", registry, renames, counts, batch, "", dry_run, progress)
    done = "would be changed" if dry_run else "changed"
    click.echo(f"records: {counts['seen']}, {done}: {counts['changed']}, do not fit: {counts['misfits']}")
    sys.exit(WRONG if counts["misfits"] else 0)


def _go_through(
    store: RecordPages,
    of: RecordTable,
    registry: Registry,
    renames: Renames,
    counts: Counter[str],
    batch: int,
    after: str,
    dry_run: bool,
    progress: Progress,
) -> None:
    from walkwire.walk.graph.renaming import misfit, renamed

    while page := store.record_page(of, after, batch):
        changed: list[StoredRecord] = []
        misfits: list[str] = []
        for record in page:
            kind, data = renamed(record.kind, record.data, renames)
            if (kind, data) != (record.kind, record.data):
                changed.append(record._replace(kind=kind, data=data))
            if (why := misfit(registry, kind, record.id, data, of == "edges")) is not None:
                misfits.append(why)
        if changed and not dry_run and store.rewrite_records(of, changed) < len(changed):
            continue  # a walk changed one of them meanwhile: read the page again. The others have their new names
        for why in misfits[: max(0, SHOWN - counts["misfits"])]:
            progress.say(why)
        counts.update(seen=len(page), changed=len(changed), misfits=len(misfits))
        after = page[-1].id
        progress.move(counts["seen"], f"{of} up to {after}")
        if changed and of == "nodes":
            progress.say(f"nodes up to {after}")


def _fields(given: tuple[str, ...]) -> dict[tuple[str, str], str]:
    found = {}
    for text in given:
        old, new = _pair(text)
        cls, dot, field = old.partition(".")
        if not dot:
            raise click.UsageError(f"--rename-field {text}: write CLASS.OLD=NEW, such as Stop.nmae=name")
        found[cls, field] = new
    return found


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not equals or not old or not new.isidentifier():
        raise click.UsageError(f"{text}: write OLD=NEW")
    return old, new
