"""Door: everything that a connection is given: the server's shared parts, and the callables that answer it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from msgspec import Struct

from walkwire.errors import PublicError
from walkwire.ids import PUBLIC_ROOT, ServerIds
from walkwire.wire.budget import Budget
from walkwire.wire.connections import Connections
from walkwire.wire.deadlines import Deadlines
from walkwire.wire.delivery.client import Client, Term
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.heartbeat import Heartbeat
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.memory import MemoryBound
from walkwire.wire.policy import Policies
from walkwire.wire.rates import Rates

_log = logging.getLogger(__name__)


class Call(Struct, frozen=True):
    """A walker event, ready to be run.

    - walker: its name
    - node: reference of the node where it starts, as the client sent it; None: the caller's own root
    - context: text of a JSON object that has passed `wire/message/text`
    - client: the connection; it may have changed its user or gone since
    - root_id: the client's user when the event arrived
    - key: calls of this user with the same key are done once; None: there is no key
    """

    walker: str
    node: str | None
    context: bytes
    client: Client
    root_id: str
    key: str | None = None


RunEvent = Callable[[Call], Awaitable[bytes]]
"""Runs a call and returns the body of the answer, JSON. Raises PublicError; any other exception is sent as Internal."""


class SignIn(NamedTuple):
    """Who a token proves its bearer to be, and until when. `term`: None for the public user."""

    root_id: str
    term: Term | None = None

    def with_notice(self, seconds: int) -> SignIn:
        """Return the same for a client that wants to be told so long before."""
        if self.term is None or not seconds:
            return self
        return self._replace(term=self.term._replace(notice=seconds))


NOBODY = SignIn(PUBLIC_ROOT)


Authenticate = Callable[[str | None], Awaitable[SignIn]]
"""Returns who the bearer of a token is, with or without its scheme; NOBODY for None and for an invalid token. Never raises. The
result is valid at the moment of the return."""

AllowsOrigin = Callable[[str | None, str | None], bool]
"""Returns whether a page of this origin may connect to this host. Both are headers; None: the header is absent."""


AddressOf = Callable[[str | None, str | None], str]
"""Returns the address that a client is counted by, given that of the peer (None: it has none) and its header `X-Forwarded-For`
(None: it is absent)."""

IsProxy = Callable[[str | None], bool]
"""Returns whether the peer with this address is a trusted proxy, which forwards the connections of many clients."""

Describe = Callable[[str, str, bytes], Awaitable[bytes]]
"""Returns what others are shown of a user, JSON or nothing, given its root id, the address that it is counted by, and the info
that its client gave. Never raises."""

OnRefusal = Callable[[PublicError], None]
"""Called with each error that a client is sent. Must not raise."""


def ignore(error: PublicError) -> None:
    """Do nothing: the `OnRefusal` of a server without metrics."""


def _never(connection: Renewed) -> None:
    pass


def is_no_proxy(peer: str | None) -> bool:
    """Return False: the `IsProxy` of a server without proxies."""
    return False


def own_address(peer: str | None, forwarded: str | None) -> str:
    """Return the address of the peer: the `AddressOf` of a server without proxies."""
    return peer or ""


class Timed(Protocol):
    """A connection whose messages, and whose first event, have a deadline."""

    def expire_message(self) -> None:
        """Close: a message did not arrive in time."""

    def expire_first(self) -> None:
        """Close, unless the client has sent an event or signed in."""


class Renewed(Protocol):
    """A connection whose session token is renewed."""

    def renew(self) -> None:
        """Send a newer session token."""


class Claims(NamedTuple):
    """What a session token proves: that a client with this id was connected as this user, a short while ago."""

    client_id: str
    root_id: str


class SessionTokens(Protocol):
    """Makes and reads session tokens."""

    def make(self, claims: Claims, seconds: float) -> str:
        """Return a token that is valid for so many seconds."""

    def read(self, token: str) -> Claims | None:
        """Return what a token proves; None for any other text, and for one that is over."""


@dataclass(frozen=True, slots=True)
class Door:
    """What all connections of a server share.

    - hub, turn, connections, heartbeat, memory, unfinished, silent, ids, limits, policies: parts of the server's `Wire`
    - dispatch: runs walker events
    - authenticate: finds the user of a token
    - allows_origin: refuses pages of other origins
    - path: where the gateway accepts WebSockets
    - compresses: whether it offers to compress messages (RFC 7692)
    - on_refusal: called with each error that a client is sent
    - address_of: finds the address that a client is counted by
    - is_proxy: tells trusted proxies, whose own connections are not counted
    - budget: the time for input in one turn of the event loop
    - rates: what clients may use in a second; None: there is no limit
    - has_rules: whether any channel has a rule. Without rules, only ids that begin with `n:` may be covered by the hub's rights
    - sessions: makes the session tokens of clients of version 2; None: it is not served
    - renewals: when these are replaced
    - describe: makes what presence lists show of a user; None: they show what its client gave
    - counts_addresses: whether any limit counts clients by their address. To look it up takes as long as a third of a handshake
    """

    hub: Hub
    turn: Turn
    connections: Connections
    heartbeat: Heartbeat
    memory: MemoryBound
    unfinished: Deadlines[Timed]
    silent: Deadlines[Timed]
    ids: ServerIds
    limits: Limits
    policies: Policies
    dispatch: RunEvent
    authenticate: Authenticate
    allows_origin: AllowsOrigin
    path: str = "/websocket"
    compresses: bool = False
    on_refusal: OnRefusal = ignore
    address_of: AddressOf = own_address
    is_proxy: IsProxy = is_no_proxy
    budget: Budget = field(default_factory=Budget)
    rates: Rates | None = None
    has_rules: bool = False
    sessions: SessionTokens | None = None
    renewals: Deadlines[Renewed] = field(default_factory=lambda: Deadlines(0, _never))
    describe: Describe | None = None
    counts_addresses: bool = field(init=False)

    def __post_init__(self) -> None:
        counts = bool(self.limits.address_connections) or self.rates is not None
        object.__setattr__(self, "counts_addresses", counts)  # frozen

    async def identify(self, token: str, notice: int) -> SignIn:
        """Return who the bearer of a token is; NOBODY if that cannot be found out.

        The caller must enter the hub before it awaits anything else, so that a token that is revoked meanwhile signs the client
        out. `notice`: how many seconds before the token expires the client is told; 0: it is not told.
        """
        try:
            return (await self.authenticate(token)).with_notice(notice)
        except Exception:
            _log.exception("A token could not be checked; its bearer is treated as the public user")
            return NOBODY
