"""Command line: the commands of `walkwire`. Each command imports what it needs, so that `walkwire --version` is quick."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from walkwire.errors import StartError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Serve programs that walk a persistent graph, over REST and one WebSocket.",
)


def main() -> None:
    """Run the command that the arguments name."""
    app()


@app.callback()
def walkwire(
    _: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Accept the options that come before a command."""


@app.command()
def serve(
    program: Annotated[
        Path,
        typer.Argument(
            metavar="PROGRAM",
            help="A .jac or .py file, or a folder with main.jac or main.py.",
            show_default=False,
        ),
    ],
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="0: any free port. [default: 8000]")] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="[default: sqlite:///walkwire.db]")
    ] = None,
    broker: Annotated[
        str | None,
        typer.Option(metavar="URL", help="redis://… or nats://…, for several servers. [default: none]"),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that share the port. [default: 1]")] = None,
    drain_seconds: Annotated[
        float | None, typer.Option(help="Time to close the sockets when stopping. [default: 0]")
    ] = None,
    production: Annotated[
        bool | None,
        typer.Option("--production", help="Only users may send; a signing secret is required."),
    ] = None,
) -> None:
    """Serve a program.

    Every setting can also be given as WALKWIRE_X in the environment, or in walkwire.toml.
    """
    from walkwire import config as configuration
    from walkwire import program as programs

    try:
        source = programs.find(program)
        config = configuration.load(
            host=host,
            port=port,
            database=database,
            broker=broker,
            workers=workers,
            drain_seconds=drain_seconds,
            production=production,
        )

        from walkwire.log.handler import log_to_stderr

        log_to_stderr(config.log_format)
        from walkwire.server.process import arguments, banner, process
        from walkwire.walk.registry import Registry

        if config.production:
            arguments.warn_of_passwords(database, broker)
        title = f"walkwire {_number()}  {source.file}"

        def announce(port: int, registry: Registry) -> None:
            banner.show_banner(config, registry.walkers, port, title=title, page=source.page)

        status = process.serve(
            config,
            lambda: programs.load(source.file),
            announce,
            title=source.file.parent.resolve().name,
            page=source.page,
        )
    except StartError as error:
        _fail(error)
    raise typer.Exit(status)


@app.command()
def run(
    program: Annotated[
        Path, typer.Argument(metavar="PROGRAM", help="A .jac or .py file.", show_default=False)
    ],
    jac: Annotated[
        str | None, typer.Option(metavar="ERA", help="0.7, 0.8 or 0.9. [default: what the file says]")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where to store its changes. [default: nowhere]"),
    ] = None,
) -> None:
    """Run a program once, as the public user."""
    from walkwire import program as programs

    try:
        status = programs.run(programs.find(program).file, jac, database)
    except StartError as error:
        _fail(error)
    raise typer.Exit(status)


@app.command()
def check(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS", help="Files and folders.", show_default=False)
    ],
    jac: Annotated[
        str | None, typer.Option(metavar="ERA", help="0.7, 0.8 or 0.9. [default: what each file says]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the errors as JSON.")] = False,
) -> None:
    """Find the syntax errors of programs without running them. Exits with 1 if there are any."""
    from walkwire import check as checks

    try:
        files = list(checks.files_in(paths))
    except StartError as error:
        _fail(error)
    found = [problem for file in files for problem in checks.errors_in(file, jac)]
    if as_json:
        typer.echo(checks.as_json(found))
    else:
        for problem in found:
            typer.echo(str(problem), err=True)
        typer.echo(f"files: {len(files)}, errors: {len(found)}")
    raise typer.Exit(1 if found else 0)


@app.command("test")
def run_test_blocks(
    program: Annotated[Path, typer.Argument(metavar="PROGRAM", help="A .jac file.", show_default=False)],
    jac: Annotated[
        str | None, typer.Option(metavar="ERA", help="0.7, 0.8 or 0.9. [default: what the file says]")
    ] = None,
) -> None:
    """Run the test blocks of a Jac program. Exits with 1 if one fails."""
    from walkwire import blocks
    from walkwire import program as programs

    try:
        passed = blocks.run_blocks(programs.find(program).file, jac)
    except StartError as error:
        _fail(error)
    raise typer.Exit(0 if passed else 1)


@app.command()
def new(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="The folder to create.", show_default=False)],
    python: Annotated[bool, typer.Option("--python", help="In Python rather than in Jac.")] = False,
) -> None:
    """Create a project: a walker, a test of it, a README."""
    from walkwire.new import make_project

    try:
        made = make_project(name, "python" if python else "jac")
    except StartError as error:
        _fail(error)
    for file in made:
        typer.echo(str(file))


@app.command()
def doctor(
    program: Annotated[
        Path | None,
        typer.Argument(metavar="[PROGRAM]", help="Loaded too, if it is given.", show_default=False),
    ] = None,
    host: Annotated[str | None, typer.Option(help="As for serve.")] = None,
    database: Annotated[str | None, typer.Option(metavar="URL", help="As for serve.")] = None,
    broker: Annotated[str | None, typer.Option(metavar="URL", help="As for serve.")] = None,
    workers: Annotated[int | None, typer.Option(help="As for serve.")] = None,
    production: Annotated[bool | None, typer.Option("--production", help="As for serve.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check a deployment, with the settings that serve would have, and say what to mend. Exits with 1 if something is wrong."""
    from walkwire import config as configuration
    from walkwire import program as programs
    from walkwire.doctor.examination import examine
    from walkwire.doctor.finding import as_json as to_json
    from walkwire.doctor.finding import as_text

    try:
        file = None if program is None else programs.find(program).file
        config = configuration.load(
            host=host, database=database, broker=broker, workers=workers, production=production
        )
        findings = examine(config, file)
    except StartError as error:
        _fail(error)
    typer.echo(to_json(findings) if as_json else as_text(findings))
    raise typer.Exit(1 if any(each.level == "wrong" for each in findings) else 0)


keys = typer.Typer(no_args_is_help=True, help="API keys, with which other services send notifications.")
app.add_typer(keys, name="keys")

_Database = Annotated[
    str | None, typer.Option("--database", metavar="URL", help="[default: sqlite:///walkwire.db]")
]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the service.", show_default=False)],
    database: _Database = None,
) -> None:
    """Create a key and print it. It cannot be printed again."""
    from walkwire.server.process import api_keys

    try:
        text = api_keys.create(database, name)
    except StartError as error:
        _fail(error)
    typer.echo(text)
    typer.echo("Keep it: it cannot be shown again.", err=True)


@keys.command("list")
def list_keys(database: _Database = None) -> None:
    """Print the names of the keys, and when each was created."""
    from walkwire.server.process import api_keys

    try:
        found = api_keys.names(database)
    except StartError as error:
        _fail(error)
    for name, created in found:
        typer.echo(f"{name}  {created:%Y-%m-%d %H:%M:%S} UTC")


@keys.command("revoke")
def revoke_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the service.", show_default=False)],
    database: _Database = None,
) -> None:
    """Revoke a key."""
    from walkwire.server.process import api_keys

    try:
        api_keys.revoke(database, name)
    except StartError as error:
        _fail(error)


@app.command()
def load(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The URL of a server, or of its WebSocket.")
    ] = "ws://127.0.0.1:8000/websocket",
    connections: Annotated[int, typer.Option(min=1, help="Number of connections.")] = 100,
    channels: Annotated[int, typer.Option(min=1, help="Number of channels, joined in turn.")] = 10,
    rate: Annotated[float, typer.Option(help="Messages per second, in all channels together.")] = 100,
    seconds: Annotated[float, typer.Option(help="Duration.")] = 10,
    size: Annotated[int, typer.Option(min=1, help="Size of a message in bytes.")] = 100,
    token: Annotated[
        str | None,
        typer.Option(envvar="WALKWIRE_LOAD_TOKEN", help="A token that all connections sign in with."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Send messages to a running server at a fixed rate, and measure when each arrives at every receiver.

    Messages that are lost, duplicated or out of order are counted. Exits with 1 if any receiver missed one.
    """
    from rich.console import Console

    from walkwire.load import screen
    from walkwire.load.address import Address
    from walkwire.load.plan import Plan

    try:
        plan = Plan(connections, channels, rate, seconds, size)
        result = screen.run(Address.at(url, token), plan, Console(stderr=True))
    except StartError as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(result.as_json(), ensure_ascii=False))
    else:
        screen.show(result, Console())
    raise typer.Exit(0 if result.is_complete else 1)


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"walkwire {_number()}")
        raise typer.Exit


def _number() -> str:
    return version("walkwire")


def _fail(error: StartError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(2)
