"""`walkwire serve`: serves a program."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import click

from walkwire.commands import options


@click.command()
@options.program
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=int, help="0: any free port. [default: 8000]")
@options.database
@click.option("--broker", metavar="URL", help="redis://… or nats://…, for several servers. [default: none]")
@click.option("--workers", type=int, help="Processes that share the port. [default: 1]")
@click.option("--drain-seconds", type=float, help="Time to close the sockets when stopping. [default: 0]")
@click.option(
    "--production", is_flag=True, default=None, help="Only users may send; a signing secret is required."
)
@click.option(
    "--spa", is_flag=True, default=None, help="Answer unknown paths with index.html: the page routes itself."
)
def serve(
    program: Path,
    host: str | None,
    port: int | None,
    database: str | None,
    broker: str | None,
    workers: int | None,
    drain_seconds: float | None,
    production: bool | None,
    spa: bool | None,
) -> None:
    """Serve a program: a .jac or .py file, or a folder with main.jac or main.py.

    Every setting can also be given as WALKWIRE_X in the environment, or in walkwire.toml.
    """
    from walkwire import config as configuration
    from walkwire import program as programs

    source = programs.find(program)
    config = configuration.load(
        host=host,
        port=port,
        database=database,
        broker=broker,
        workers=workers,
        drain_seconds=drain_seconds,
        production=production,
        spa=spa,
    )

    from walkwire.log.handler import log_to_stderr

    log_to_stderr(config.log_format)
    from walkwire.server.http.files.site import open_site
    from walkwire.server.process import arguments, banner, process
    from walkwire.walk.registry import Registry

    if config.production:
        arguments.warn_of_passwords(database, broker)
    site = open_site(source.files, is_public=source.is_public, is_app=config.spa)
    title = f"walkwire {version('walkwire')}  {source.file}"

    def announce(port: int, registry: Registry) -> None:
        banner.show_banner(config, registry.walkers, port, title=title, site=site)

    status = process.serve(
        config,
        lambda: programs.load(source.file),
        announce,
        title=source.file.parent.resolve().name,
        site=site,
    )
    sys.exit(status)
