"""Budget: what walkwire promises about its cost, as ratios of figures of one run."""

from __future__ import annotations

from dataclasses import dataclass

from bench.results import Key, Results


@dataclass(frozen=True)
class Budget:
    """A figure, by itself or by the best of those it is put beside, and what it must be at least or at most."""

    what: str
    of: Key
    beside: tuple[Key, ...] = ()
    least: float | None = None
    most: float | None = None

    def value(self, results: Results) -> float | None:
        """What the run says; None where a figure is missing."""
        if not self.beside:
            return results.median(self.of)
        ratios = [found for key in self.beside if (found := results.ratio(self.of, key)) is not None]
        if not ratios:
            return None
        return min(ratios) if self.least is not None else max(ratios)

    def is_met(self, value: float) -> bool:
        """Whether that is within it."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def bound(self) -> str:
        """As it is written."""
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


_NEW = "walkwire, version 2"
_MANY = "1,000 sockets"
_BURST = "1,000 sockets, 16 in flight"
_RATE = "per CPU second"
_POST = Key("nothing", "FastAPI, POST, `def`", _RATE)
_POST_ASYNC = Key("nothing", "FastAPI, POST, `async def`", _RATE)
_BARE = Key("make", "SQLAlchemy, nothing around", _RATE)


def _of(scenario: str, figure: str, subject: str = "walkwire") -> Key:
    return Key(scenario, subject, figure)


def _sizes() -> tuple[Budget, ...]:
    return tuple(
        Budget(
            f"{walk}: with {size} nodes, by 1,000",
            _of("size", walk, f"{size} nodes"),
            (_of("size", walk, "1,000 nodes"),),
            least=round(1 / 1.5, 3),
        )
        for walk in ("make", "make, in a crowd", "read", "change")
        for size in ("100,000", "1,000,000")
    )


def _on_postgres() -> tuple[Budget, ...]:
    """Beside bare FastAPI and psycopg on the same tables."""
    bare = "FastAPI, psycopg, `async def`"
    return tuple(
        Budget(
            f"{what} on PostgreSQL, {way}, by FastAPI and psycopg",
            _of(scenario, _RATE, f"walkwire, {way}"),
            (_of(scenario, _RATE, bare),),
            least=0.7,
        )
        for what, scenario in (("read ten", "read-ten"), ("make one", "make-one"))
        for way in ("REST", "socket")
    )


def _streams() -> tuple[Budget, ...]:
    """Version 2 of the wire beside version 1."""
    return (
        Budget(
            "fan-out to 1,000 listeners of version 2, by version 1",
            _of("told", _MANY, _NEW),
            (_of("told", _MANY),),
            least=0.9,
        ),
        Budget(
            "resumed sessions, by connections of version 2",
            _of("resumed", "resumed", _NEW),
            (_of("resumed", "connected", _NEW),),
            least=0.5,
        ),
        Budget("KiB of an idle connection of version 2", _of("kept", "KiB", _NEW), most=4),
    )


BUDGETS = (
    Budget(
        "fan-out to 1,000, one at a time, by uWebSockets",
        _of("fan-out", _MANY),
        (_of("fan-out", _MANY, "uWebSockets"),),
        least=0.9,
    ),
    Budget(
        "the same, by the best server in Python",
        _of("fan-out", _MANY),
        tuple(_of("fan-out", _MANY, name) for name in ("picows", "FastAPI broadcast", "python-socketio")),
        least=1,
    ),
    Budget(
        "fan-out to 1,000, 16 in flight, by uWebSockets",
        _of("fan-out", _BURST),
        (_of("fan-out", _BURST, "uWebSockets"),),
        least=1,
    ),
    Budget("echo, by uWebSockets", _of("echo", _RATE), (_of("echo", _RATE, "uWebSockets"),), least=1),
    Budget(
        "connections, by uWebSockets",
        _of("arrivals", _RATE),
        (_of("arrivals", _RATE, "uWebSockets"),),
        least=0.4,
    ),
    Budget("memory of an idle connection, KiB", _of("idle", "KiB"), most=6),
    Budget("CPU of an idle connection, µs a second", _of("idle", "µs of CPU a second"), most=1),
    Budget(
        "a walker that does nothing, REST, by FastAPI's `def`",
        _of("nothing", _RATE, "walkwire, REST"),
        (_POST,),
        least=0.45,
    ),
    Budget(
        "a walker that does nothing, socket, by FastAPI's `def`",
        _of("nothing", _RATE, "walkwire, socket, `response`"),
        (_POST,),
        least=2,
    ),
    Budget(
        "the same, REST, by FastAPI's `async def`",
        _of("nothing", _RATE, "walkwire, REST"),
        (_POST_ASYNC,),
        least=0.6,
    ),
    Budget(
        "the same, socket, by FastAPI's `async def`",
        _of("nothing", _RATE, "walkwire, socket, `response`"),
        (_POST_ASYNC,),
        least=1,
    ),
    Budget(
        "a client's event, by a walker's `notify_channels`",
        _of("tell", "a client's event"),
        (_of("tell", "a walker"),),
        most=1.3,
    ),
    Budget(
        "a walker that makes a node, socket, by SQLAlchemy",
        _of("make", _RATE, "walkwire, socket"),
        (_BARE,),
        least=0.5,
    ),
    *_on_postgres(),
    *_sizes(),
    Budget(
        "p99 while 5 % stop reading, by p99 without",
        _of("stall", "p99 ms", "some do not"),
        (_of("stall", "p99 ms", "all read"),),
        most=1.1,
    ),
    Budget(
        "from the bound to the end of one that stalls, s", _of("stall", "gone after s", "some do not"), most=1
    ),
    Budget("p99 of a broadcast beside 2 walks, ms", _of("compute", "p99", "walkwire, 2 walks"), most=10),
    Budget("start, seconds", _of("start", "seconds"), most=1),
    Budget("loop held by a broadcast to 10,000, ms", _of("growth-hold", "10,000 sockets"), most=20),
    *_streams(),
)
