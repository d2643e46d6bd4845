"""Siege: hostile connections beside honest ones, on a server in production. A page of its own, `--only siege`."""

from __future__ import annotations

import secrets
from pathlib import Path

from bench.load.hostile import KINDS
from bench.peer import WALKWIRE
from bench.stage import Bars, Figures, Scenario, Stage, Subject, ask_once

GROUP = "siege"
HONEST, HOSTILE = 500, 2000
USERS = 50
SOURCES = 200  # addresses that the hostile ones come from
RATE = 100.0  # messages a second, each to ten
SECONDS = 10.0
ALONE = 50  # connections of an attack by itself
_PASSWORD = "a password of some length"


def scenario() -> Scenario:
    """Milliseconds, MiB, KiB a second."""
    subjects = (
        Subject("all", lambda stage: _besieged(stage, list(KINDS), HOSTILE, SOURCES)),
        *(Subject(name, lambda stage, name=name: _besieged(stage, [name], ALONE, 5)) for name in KINDS),
    )
    return Scenario(
        "siege",
        f"{HOSTILE:,} hostile connections beside {HONEST} honest ones, in production",
        subjects,
        f"`all`: {HOSTILE:,} connections of all kinds at once, from {SOURCES} addresses; each by itself: {ALONE}, from five. "
        f"The honest ones are {USERS} users at as many addresses, and hear {RATE:.0f} messages a second in channels of ten. Who "
        "is thrown out comes back after a second. Grown: resident memory above peace, at most; left: a minute after the "
        "attack.",
        rounds=1,
        group=GROUP,
        pictures=(Bars("p99 ms", "p99 of the honest beside hostile connections: ms"),),
    )


def _besieged(stage: Stage, kinds: list[str], count: int, sources: int) -> Figures:
    with stage.serve(WALKWIRE, _in_production) as server:
        found = stage.load(
            "besiege",
            server,
            address=WALKWIRE.address(server.port),
            tokens=[_sign_in(server.port, number) for number in range(USERS)],
            honest=HONEST,
            hostile={"count": count, "kinds": kinds, "sources": sources},
            rate=RATE,
            seconds=max(SECONDS, stage.seconds) if stage.seconds > 0.5 else 2.0,
            log=str(server.folder / "bench.log"),
        )
    return {
        "p99 in peace ms": found["peace"] * 1000,
        "p99 ms": found["siege"] * 1000,
        "worst ms": found["worst"] * 1000,
        "arrival s": found["arrival"],
        "lost %": found["lost"] * 100,
        "closed": found["closed"],
        "grown MiB": found["grown"] / 2**20,
        "left MiB": found["left"] / 2**20,
        "log KB/s": found["logged"] / 1000,
    }


def _in_production(folder: Path) -> None:
    lines = (
        "production = true",
        f'token_secret = "{secrets.token_hex(32)}"',
        "registrations = 1000",  # the honest ones register from one address
    )
    (folder / "walkwire.toml").write_text("\n".join(lines))


def _sign_in(port: int, number: int) -> str:
    account = {"email": f"honest{number}@example.com", "password": _PASSWORD}
    ask_once(port, "POST", "/user/register", account)
    return str(ask_once(port, "POST", "/user/login", account)["token"])
