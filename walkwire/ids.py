"""Ids: makes and parses ids and references, as the wire, the store and the log use them (`docs/protocol.md`, "Ids")."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple

from walkwire.errors import BadReference

SYSTEM_ROOT = "0" * 24
PUBLIC_ROOT = "0" * 23 + "1"

SESSIONS = "0" * 8  # stands for a server in the ids of clients of version 2
CHANNEL_LENGTH = 1024  # characters of a channel's id

# What the work under way belongs to, for the log: `request`; `client` and `event`; or `task`.
LOG_IDS: ContextVar[Mapping[str, object]] = ContextVar("LOG_IDS", default={})  # noqa: B039 - nobody changes it

# The `traceparent` (W3C Trace Context) of the event that is being handled, as the client sent it; None: it has none.
TRACEPARENT: ContextVar[str | None] = ContextVar("TRACEPARENT", default=None)

_REFERENCE = re.compile(r"(?:([newo]):([^:]*):)?([0-9a-fA-F]{24})\Z")

# Object ids are names, not secrets: access is checked elsewhere. So they come from a generator that is seeded once. Each call of
# the system's generator would release the interpreter lock.
_random = random.Random(os.urandom(32))
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


class Reference(NamedTuple):
    """A parsed reference. `kind` is n, e, w or o (n if only the digits were given), `name` the class or ""."""

    kind: str
    name: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{self.id}"


def new_id() -> str:
    """Return a new object id: 24 lower-case hex digits.

    The first 8 digits are the Unix time in seconds, the next 6 the fraction of the second, the others are random. So ids sort
    by the time of their making, and indexes grow at one end.
    """
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    return f"{seconds:08x}{(rest << 24) // 1_000_000_000:06x}{_random.getrandbits(40):010x}"


def new_request_id() -> str:
    """Return a new id of a request over HTTP: 16 hex digits. Takes about 0.3 µs."""
    return f"{_random.getrandbits(64):016x}"


def parse_reference(text: object) -> Reference:
    """Parse `n:Thing:<24 hex>`, `n::<24 hex>` or the bare 24 digits. Raises BadReference for any other text."""
    match = _REFERENCE.match(text) if isinstance(text, str) else None
    if match is None:
        raise BadReference(text)
    kind, name, digits = match.groups()
    return Reference(kind or "n", name or "", digits.lower())


def parse_root(text: object) -> str:
    """Return the id in a reference to a root: `n::<24 hex>` or the bare digits. A class name in it is ignored.

    Raises BadReference.
    """
    reference = parse_reference(text)
    if reference.kind != "n":
        raise BadReference(text)
    return reference.id


def root_reference(root_id: str) -> str:
    """Return the reference of a root, as the wire uses it: `n::<24 hex>`."""
    return f"n::{root_id}"


class ServerIds:
    """Makes the ids of this server process: client ids, and ids of channels that no client chose.

    The form is `<unix seconds>:<32 hex digits>`. The first 8 of the 32 digits are `server`, which is new at each start of a
    process. So a message to such an id can be sent to the one server that knows it.
    """

    def __init__(self) -> None:
        while (server := os.urandom(4).hex()) == SESSIONS:
            pass
        self.server = server

    def new(self) -> str:
        """Return a new client or channel id."""
        return f"{int(time.time())}:{self.server}{os.urandom(12).hex()}"

    def new_session(self) -> str:
        """Return a new id of a client that may be connected to any server, one after another."""
        return f"{int(time.time())}:{SESSIONS}{os.urandom(12).hex()}"


def is_session(client_id: str) -> bool:
    """Return whether a client id is one of version 2, whose client may be connected to any server."""
    return server_of(client_id) == SESSIONS


_MADE = re.compile(r"[0-9]{1,12}:([0-9a-f]{8})[0-9a-f]{24}\Z")


def server_of(made_id: str) -> str | None:
    """Return the server (8 hex digits) that made a client or channel id; None for an id that a client chose."""
    match = _MADE.match(made_id)
    return match.group(1) if match else None
