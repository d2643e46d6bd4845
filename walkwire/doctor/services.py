"""Services: checks of the database, its clock, the broker, and what it keeps. They connect, and leave nothing changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

from walkwire import brokers, histories, stores
from walkwire.config import Config
from walkwire.doctor.finding import Finding
from walkwire.errors import StartError
from walkwire.store import StoreState

CLOSE, FAR = (
    2.0,
    30.0,
)  # seconds between two clocks that are of no account, and that are wrong: a ticket lives for FAR


def database(config: Config) -> Iterator[Finding]:
    """Check that the database can be used, its schema and its settings, and its clock."""
    kind = stores.kind_of(config.database)
    if config.workers > 1 and not kind.is_multi_server:
        yield Finding(
            "wrong", "database", "Several WORKERS need a database server: set DATABASE to postgresql://…"
        )
    began = time.time()
    try:
        state = kind.state(config.database, config.production)
    except StartError as error:
        yield Finding("wrong", "database", str(error))
        return
    yield Finding("ok", "database", f"{state.engine} at {kind.shown(config.database)}")
    yield _schema(state)
    for risk in state.risks:
        yield Finding("wrong" if kind.is_multi_server else "warn", "durability", risk)
    if not state.risks:
        yield Finding("ok", "durability", "a commit that was answered survives a loss of power")
    wanted = config.workers * config.database_pool
    if state.connections is not None and wanted > state.connections:
        yield Finding(
            "wrong",
            "connections",
            f"{config.workers} workers with DATABASE_POOL={config.database_pool} want {wanted} connections, and PostgreSQL has"
            f" {state.connections} for all. Lower DATABASE_POOL, or raise max_connections",
        )
    if kind.is_multi_server:
        yield clock(state.now, began, time.time)


def clock(now: float, began: float, local: Callable[[], float]) -> Finding:
    """Compare the clock of the database with this machine's. The database was asked after `began`, Unix seconds here."""
    ended = local()
    gap = max(0.0, began - now, now - ended)
    if gap <= CLOSE:
        return Finding("ok", "clock", "agrees with that of the database")
    return Finding(
        "wrong" if gap >= FAR else "warn",
        "clock",
        f"This clock and that of the database are {gap:.0f} s apart: tokens and tasks begin and end at wrong times. Run NTP on"
        " both machines",
    )


def broker(config: Config) -> Iterator[Finding]:
    """Check that there is a broker if one is needed, and that it can be reached."""
    kind = brokers.kind_of(config.broker)
    if not kind.is_multi_server:
        if config.workers > 1:
            yield Finding(
                "wrong", "broker", "Several WORKERS need a broker: set BROKER to redis://… or nats://…"
            )
        elif stores.kind_of(config.database).is_multi_server:
            yield Finding(
                "warn",
                "broker",
                "There is none. If several servers use this database, set BROKER for all of them",
            )
        else:
            yield Finding("ok", "broker", "not needed: this server is alone")
        return
    try:
        version = asyncio.run(kind.version(config.broker))
    except ModuleNotFoundError as error:
        yield Finding("wrong", "broker", f"Its driver is missing: pip install 'walkwire[{error.name}]'")
    except StartError as error:
        yield Finding("wrong", "broker", str(error))
    else:
        yield Finding("ok", "broker", f"{version} at {kind.shown(config.broker)}")


def streams(config: Config) -> Iterator[Finding]:
    """Check that the broker can keep what clients of version 2 missed."""
    kind = histories.history_kind_of(config.broker)
    if not brokers.kind_of(config.broker).is_multi_server:
        yield Finding("ok", "streams", "what clients missed is kept in memory, until the server ends")
        return
    try:
        lack = asyncio.run(kind.lack(config.broker))
    except (ModuleNotFoundError, StartError):
        return  # the check of the broker says why
    if lack is not None:
        yield Finding(
            "warn", "streams", f"Version 2 is not offered, since the broker cannot keep streams: {lack}"
        )
    else:
        yield Finding("ok", "streams", kind.limits or "the broker keeps what clients missed")


def _schema(state: StoreState) -> Finding:
    if state.schema is None:
        return Finding("ok", "schema", "The database is empty: the first start makes its tables")
    if state.schema == state.newest:
        return Finding("ok", "schema", f"{state.schema}, the newest")
    if state.schema > state.newest:
        return Finding(
            "wrong",
            "schema",
            f"{state.schema} is of a newer walkwire; this one knows schemas up to {state.newest}: upgrade it",
        )
    return Finding(
        "warn",
        "schema",
        f"{state.schema or 'It has no number'}: the next start migrates it to {state.newest}. Back up the database before",
    )
