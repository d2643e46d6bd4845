"""Child: serves a program in a process of its own, and says what happens in it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from socket import socket

from walkwire import stores
from walkwire.config import Config, Retention
from walkwire.errors import Internal, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.app import App, load_program
from walkwire.server.dev.frames import ProgramTraces, sentence_of
from walkwire.server.dev.held import ThreadWatch
from walkwire.server.dev.lines import LineHandler, RequestLines, WalkLines
from walkwire.server.http.files.site import Site
from walkwire.server.process.process import loop_factory, serve_on
from walkwire.stores.scratch import ScratchStore
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work

Load = Callable[[], Registry]
Announce = Callable[[int, Registry], None]

PARENT_SECONDS = 0.5

_log = logging.getLogger("walkwire.dev")


def durable_unless_set(config: Config) -> Config:
    """Return settings by which streams outlive a reload: the database keeps their history, unless a setting says otherwise."""
    changes: dict[str, object] = {}
    if not config.history:
        changes["history"] = {"*": _KEPT}
    if "user_history" not in config.model_fields_set:
        changes["user_history"] = _KEPT
    return config.model_copy(update=changes)


_KEPT = Retention(100, 300, is_durable=True)


def serve_child(
    config: Config,
    load: Load,
    announce: Announce,
    listeners: Sequence[socket],
    began: float | None,
    *,
    title: str,
    site: Site | None,
) -> int:
    """Serve until SIGTERM. `began`: when the save was seen, if this replaces a server before. Returns the exit code."""
    Internal.describe = sentence_of
    threading.Thread(target=_end_with, args=[os.getppid()], name="parent", daemon=True).start()

    def tell(port: int, registry: Registry) -> None:
        if began is None:
            announce(port, registry)
        else:
            _log.info("Served again after %.0f ms", (time.monotonic() - began) * 1000)

    try:
        program = load_program(config, load)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(
                serve_on(
                    config, program, tell, title=title, site=site, sockets=list(listeners), observe=_observed
                )
            )
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as the command line does
        return 2
    return 0


def _end_with(parent: int) -> None:
    """End this process once its parent has ended, however that did."""
    while os.getppid() == parent:
        time.sleep(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def preload(config: Config) -> None:
    """Import what servers need, in the process that they are forked from: it takes longer than to load a program."""
    stores.kind_of(config.database).preload()
    import_module("walkwire.histories.memory")
    import_module("walkwire.brokers.memory")


def probe(load: Load) -> int:
    """Load the program with an empty graph, which is not stored. Prints what is wrong with it, and returns 0 if nothing is."""
    store = ScratchStore()
    try:
        with unit_of_work(store, Registry(), PUBLIC_ROOT, is_loading=True):
            load()
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as the command line does
        return 1
    finally:
        store.close()
    return 0


def use_dev_log(with_locals: bool) -> None:
    """Write the log for the author of a program: tracebacks have the program's frames only."""
    for handler in logging.getLogger().handlers:
        handler.filters.insert(0, ProgramTraces(with_locals))
    _log.addHandler(LineHandler())
    _log.propagate = False


def _observed(app: App) -> App:
    app.runtime.watchers.append(WalkLines())
    ThreadWatch(app.runtime).start()
    return replace(app, api=RequestLines(app.api))
