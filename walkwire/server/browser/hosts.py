"""Hosts: refuses requests that a server in development was not made for, and names that a server does not have.

In development every page of this machine may talk to the server, and everybody may send. So a request for a name that is not
local is refused: a stranger's page can give its own name the address of this machine (DNS rebinding). So is a request that a
proxy forwarded: the server is deployed, and `--production` was forgotten.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address

from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.wire.door import IsProxy

HEALTH = frozenset({"/healthz", "/healthz/ready"})  # probes call a server by its address
PROBED = HEALTH | {"/metrics"}  # in development, a stranger's page could read the metrics

_FORWARDED = frozenset(
    {
        b"forwarded",  # RFC 7239
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
        b"x-forwarded-server",
        b"x-real-ip",
    }
)
_ANY = "*"
_MOST_KNOWN = 1024  # names with ports that are remembered
_PAUSE = 60.0  # seconds between two lines in the log
_LOCAL_NAMES = ("localhost", "*.localhost", "0.0.0.0")  # noqa: S104 - a name in a URL, no address to listen at
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - a server that listens there has no name of its own

_BY_A_PROXY = (
    "This server runs in development mode, and a proxy forwarded this request. Serve it with --production. If the proxy is"
    " part of your development, name its address in TRUSTED_PROXIES"
)
_NOT_LOCAL = (
    "This server runs in development mode, and this request is for a host that is not local. Serve it with --production. If"
    " the host is part of your development, name it in DEV_HOSTS"
)
_UNKNOWN = "This server does not serve this host"

_log = logging.getLogger(__name__)


class Hosts:
    """Decides whether a request is for this server.

    - names: hosts that are served: `shop.example`, `*.shop.example`, an address, or `*` for all
    - is_proxy: tells trusted proxies
    - clock: seconds
    """

    def __init__(
        self,
        names: Iterable[str],
        is_proxy: IsProxy,
        *,
        is_development: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = frozenset(names)
        self._ends = tuple(name[1:] for name in self._names if name.startswith("*."))
        self._is_proxy = is_proxy
        self._is_development = is_development
        self._exempt = HEALTH if is_development else PROBED
        self._known: set[bytes] = set()  # values of the header Host that are served
        self._clock = clock
        self._told = float("-inf")

    def is_known(self, headers: Mapping[bytes, bytes]) -> bool:
        """Return whether a request is for a host that was found to be served, and no proxy forwarded it: `refusal` returns None.

        - headers: as for `refusal`, each only once
        """
        return headers.get(b"host") in self._known and _FORWARDED.isdisjoint(headers)

    def refusal(
        self, headers: Iterable[tuple[bytes, bytes]], path: str, peer: Callable[[], str | None]
    ) -> PublicError | None:
        """Return why a request is refused (403 for a proxy, 421 for a host), None if it is not. Logs it once a minute.

        - headers: names in lower case; a request without Host comes from no browser, and is not refused here
        - peer: finds the address of the other end of the connection
        """
        error: PublicError | None = None
        for name, value in headers:
            if name == b"host":
                if value not in self._known and not self._learn(value):
                    error = PublicError("refused", _NOT_LOCAL if self._is_development else _UNKNOWN, 421)
                    self._tell(error, value)
                    break
            elif name in _FORWARDED and self._is_development and not self._is_proxy(peer()):
                error = PublicError("refused", _BY_A_PROXY, 403)
                self._tell(error, name)
                break
        return None if path in self._exempt else error

    def _learn(self, host: bytes) -> bool:
        """Return whether this host is served. Remembers it if so."""
        if not self._is_served(_name(host.decode("latin-1"))):
            return False
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add(host)
        return True

    def _is_served(self, name: str) -> bool:
        if _ANY in self._names or name in self._names or name.endswith(self._ends):
            return True
        return self._is_development and _is_loopback(name)

    def _tell(self, error: PublicError, what: bytes) -> None:
        now = self._clock()
        if now - self._told >= _PAUSE:
            self._told = now
            _log.warning("A request was refused: %s (%.80r)", error.message, what.decode("latin-1"))


def hosts_of(config: Config, is_proxy: IsProxy) -> Hosts | None:
    """Return what decides for a server with these settings. None: it serves all hosts."""
    if config.production:
        return Hosts(config.hosts, is_proxy, is_development=False) if config.hosts else None
    own = () if config.host in _WILDCARDS else (config.host.lower().strip("[]"),)
    return Hosts((*_LOCAL_NAMES, *own, *config.dev_hosts), is_proxy, is_development=True)


def _name(host: str) -> str:
    """Return the host without its port, brackets and final dot, in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
