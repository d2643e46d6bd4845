"""Examination: all checks of a deployment, in the order in which an operator mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from walkwire import program as programs
from walkwire.config import Config
from walkwire.doctor import machine, services, settings
from walkwire.doctor.finding import Finding
from walkwire.errors import StartError

CHECKS = (
    settings.mode,
    settings.secret,
    settings.policies,
    settings.tls,
    settings.proxies,
    settings.hosts,
    services.database,
    machine.disk,
    services.broker,
    services.streams,
    machine.files,
)


def examine(config: Config, file: Path | None = None) -> list[Finding]:
    """Return what all checks found. `file` is the program; None: it is not loaded.

    Raises StartError for a database or a broker of an unknown kind.
    """
    found = [finding for check in CHECKS for finding in check(config)]
    return found if file is None else [*found, *program(file)]


def program(file: Path) -> Iterator[Finding]:
    """Check that the program loads: on an empty graph, of which nothing is kept."""
    try:
        registry = programs.load_alone(file)
    except StartError as error:
        yield Finding("wrong", "program", f"It does not load: {error}")
    else:
        yield Finding("ok", "program", f"{file} loads, walkers: {len(registry.walkers)}")
