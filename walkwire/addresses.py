"""Addresses: which client a connection or a request comes from, behind trusted proxies too.

Limits count clients by the address that this module returns. A header that names another address is believed only if a trusted
proxy sent it: otherwise a client could choose its address.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNKNOWN = ""
LONGEST = 1024  # characters of a header that are looked at
CACHED = 4096


Network = IPv4Network | IPv6Network


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Return the networks that these texts name: `10.0.0.0/8`, or an address alone. Raises ValueError."""
    return tuple(ip_network(text) for text in texts)


class Addresses:
    """Finds the address that a client is counted by.

    - trusted: networks of the proxies whose `X-Forwarded-For` is believed
    """

    def __init__(self, trusted: Iterable[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._find = lru_cache(CACHED)(self._address)  # parsing takes ten times as long as a look-up

    def of(self, peer: str | None, forwarded: str | None) -> str:
        """Return an IPv4 address, or the /64 network of an IPv6 address, which one subscriber has for himself.

        `UNKNOWN` if there is none, as for a UNIX socket.

        - peer: address of the other end of the connection; None: it has none
        - forwarded: the header `X-Forwarded-For`; each proxy has added the address that it saw at the end; None: it is absent
        """
        if not self._trusted:
            forwarded = None
        elif forwarded is not None and len(forwarded) > LONGEST:
            forwarded = forwarded[-LONGEST:].partition(",")[2]  # what is nearest to this server stands last
        return self._find(peer, forwarded)

    def is_proxy(self, peer: str | None) -> bool:
        """Return whether the other end of a connection is a trusted proxy. None: it has no address."""
        if not self._trusted:
            return False
        address = _parsed(peer or "")
        return address is not None and self._is_trusted(address)

    def _address(self, peer: str | None, forwarded: str | None) -> str:
        address = _parsed(peer or "")
        if address is None:
            return UNKNOWN
        if forwarded is not None and self._is_trusted(address):
            for text in reversed(forwarded.split(",")):
                found = _parsed(text)
                if found is None:
                    break  # what stands before it is not from a trusted proxy
                address = found
                if not self._is_trusted(address):
                    break
        if isinstance(address, IPv6Address):
            return str(IPv6Network((address, 64), strict=False))
        return str(address)

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def is_loopback(address: str) -> bool:
    """Return whether this is an address of this machine itself, or the /64 network of one (`Addresses.of`)."""
    parsed = _parsed(address.partition("/")[0])
    return parsed is not None and (parsed.is_loopback or str(parsed) == "::")


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):  # [::1]:80
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if len(text) > 64:
        return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
