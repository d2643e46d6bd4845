"""`walkwire dev`: serves a program while it is written: again after each save, with a line for each walk."""

from __future__ import annotations

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click

from walkwire.commands import options


@click.command()
@options.program
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=int, help="0: any free port. [default: 8000]")
@options.database
@click.option("--locals", "with_locals", is_flag=True, help="Show the variables in tracebacks.")
def dev(program: Path, host: str | None, port: int | None, database: str | None, with_locals: bool) -> None:
    """Serve a program while it is written. Each save is served at once; sockets come back, and data stays.

    For development only: errors are shown to clients.
    """
    from walkwire import config as configuration
    from walkwire import program as programs
    from walkwire.check import errors_in
    from walkwire.errors import StartError
    from walkwire.log.handler import log_to_stderr
    from walkwire.server.dev import child
    from walkwire.server.dev.supervisor import Supervisor
    from walkwire.server.http.files.site import open_site
    from walkwire.server.process import banner
    from walkwire.server.process.listen import begin, bind
    from walkwire.walk.registry import Registry

    source = programs.find(program)
    config = configuration.load(host=host, port=port, database=database)
    if config.production:
        raise StartError("`walkwire dev` shows errors to clients: use `walkwire serve` in production")
    if config.workers > 1:
        raise StartError("`walkwire dev` serves by one process: leave WORKERS out")
    config = child.durable_unless_set(config)
    log_to_stderr("text")
    child.use_dev_log(with_locals)
    site = open_site(source.files, is_public=source.is_public, is_app=config.spa)
    folder = source.file.parent.resolve()
    title = f"walkwire {version('walkwire')}  {source.file}  (dev)"

    def announce(port: int, registry: Registry) -> None:
        banner.show_banner(config, registry.walkers, port, title=title, site=site)

    load = partial(programs.load, source.file)
    listeners = bind(config.host, config.port)
    for listener in listeners:
        begin(listener)
    child.preload(config)
    serve = partial(child.serve_child, config, load, announce, title=folder.name, site=site)
    supervisor = Supervisor(folder, listeners, serve, partial(child.probe, load), errors_in)
    sys.exit(supervisor.run())
