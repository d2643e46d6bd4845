"""Banner: what the terminal shows once a server is ready: addresses, walkers and policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from walkwire import brokers, stores
from walkwire.config import Config
from walkwire.server.http.walkers.rest import places_of
from walkwire.walk.walker.specs import Specs, specs_of


def show_banner(
    config: Config, walkers: Mapping[str, type], port: int, *, title: str, page: Path | None
) -> None:
    """Print the banner to stdout: in colour and columns on a terminal, else as one plain line for each item."""
    console = Console(highlight=False)
    is_plain = not console.is_terminal
    console.print(Text(title, style="bold"))
    _print(console, _places(config, port, page), is_plain)
    _print(console, _walkers(walkers), is_plain)
    _print(console, _policies(config), is_plain)
    console.file.flush()


def _places(config: Config, port: int, page: Path | None) -> list[tuple[str, ...]]:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(config.host, config.host)  # noqa: S104
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    places: list[tuple[str, ...]] = [
        ("WebSocket", f"ws://{host}:{port}/websocket"),
        ("API", f"http://{host}:{port}" + ("/docs" if config.docs else "  (DOCS is off)")),
        ("Database", stores.kind_of(config.database).shown(config.database)),
    ]
    if (kind := brokers.kind_of(config.broker)).is_multi_server:
        places.append(("Broker", kind.shown(config.broker)))
    return [("Page", f"http://{host}:{port}/"), *places] if page is not None else places


def _walkers(walkers: Mapping[str, type]) -> list[tuple[str, ...]]:
    rows = [(name, specs_of(walker)) for name, walker in walkers.items()]
    return [_walker(name, specs) for name, specs in rows if not specs.private]


def _walker(name: str, specs: Specs) -> tuple[str, ...]:
    paths = [place.url for place in places_of(name, specs) if place.is_listed] if specs.http_methods else []
    return name, " ".join(specs.methods), "users" if specs.auth else "everybody", "  ".join(paths)


def _policies(config: Config) -> list[tuple[str, ...]]:
    mode = "production" if config.production else "development"
    local = "the server's own" if config.production else "localhost, 127.0.0.1, [::1] on any port"
    return [
        ("Mode", mode),
        ("Origins", ", ".join((local, *config.origins))),
        ("May send user events", config.policy_user),
        ("May send channel events", config.policy_channel),
        ("May send client events", config.policy_client),
        ("May join channels", config.policy_join),
    ]


def _print(console: Console, rows: Iterable[tuple[str, ...]], is_plain: bool) -> None:
    rows = list(rows)
    if not rows:
        return
    console.print()
    if is_plain:  # one line each, however long: log lines are not wrapped
        for first, *rest in rows:
            console.print(f"{first}: {'  '.join(filter(None, rest))}", soft_wrap=True, markup=False)
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)
