"""Banner: what the terminal shows once a server is ready: addresses, walkers and policies."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import click

from walkwire import brokers, stores, terminal
from walkwire.config import Config
from walkwire.server.http.files.site import Site
from walkwire.server.http.walkers.rest import places_of
from walkwire.walk.walker.specs import Specs, specs_of


def show_banner(
    config: Config, walkers: Mapping[str, type], port: int, *, title: str, site: Site | None
) -> None:
    """Print the banner to stdout: in colour and columns on a terminal, else as one plain line for each item."""
    is_plain = not sys.stdout.isatty()
    click.echo(click.style(title, bold=True))
    for rows in (_places(config, port, site), _walkers(walkers), _policies(config)):
        if rows:
            click.echo()
        for line in _plain(rows) if is_plain else terminal.columns(rows, gap=3, colour="cyan"):
            click.echo(line)
    sys.stdout.flush()


def _places(config: Config, port: int, site: Site | None) -> list[tuple[str, ...]]:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(config.host, config.host)  # noqa: S104
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    places: list[tuple[str, ...]] = [
        ("WebSocket", f"ws://{host}:{port}/websocket"),
        ("API", f"http://{host}:{port}" + ("/docs" if config.docs else "  (DOCS is off)")),
        *([("Console", f"http://{host}:{port}/console")] if config.console else []),
        ("Database", stores.kind_of(config.database).shown(config.database)),
    ]
    if (kind := brokers.kind_of(config.broker)).is_multi_server:
        places.append(("Broker", kind.shown(config.broker)))
    if site is None:
        return places
    return [("Page" if site.has_index else "Files", f"http://{host}:{port}/"), *places]


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


def _plain(rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"{first}: {'  '.join(filter(None, rest))}" for first, *rest in rows]
