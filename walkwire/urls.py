"""URLs: what one names, whether secrets may be sent there, and how it is shown without its passwords."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_HOST = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*\.?|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]?")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+\Z")
_USER_IN_URL = re.compile(r"://((?:(?!://).)*)@", re.DOTALL)  # of each URL in a list, to its last @
_SECRET_IN_QUERY = re.compile(r"(?i)([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerUrl(NamedTuple):
    """Where a walkwire server is. `authority` is host and port as they were given; `rest` is what follows it."""

    is_secure: bool
    host: str
    port: int
    authority: str
    path: str
    rest: str

    @property
    def http(self) -> str:
        """Return the URL of its REST API, without a path."""
        return f"{'https' if self.is_secure else 'http'}://{self.authority}"

    @property
    def socket(self) -> str:
        """Return the URL with the scheme of WebSockets, and with its path."""
        return f"{'wss' if self.is_secure else 'ws'}://{self.authority}{self.rest}"


def server_at(url: str, *, is_scheme_needed: bool = False) -> ServerUrl:
    """Parse the address of a server: `127.0.0.1:8000`, `https://shop.example`, `wss://shop.example/live`.

    Without a scheme, it is not encrypted. Raises ValueError for all else, also for one without a scheme if one is needed.
    """
    try:
        parts = urlsplit(url if is_scheme_needed or "//" in url else f"http://{url}")
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ValueError(f"{url!r} is no address of a server: https://shop.example") from None
    if not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server: https://shop.example")
    rest = parts._replace(scheme="", netloc="").geturl()
    return ServerUrl(parts.scheme in ("https", "wss"), parts.hostname, port, parts.netloc, parts.path, rest)


def is_safe_url(url: str) -> bool:
    """Return whether secrets may be sent to this URL: it begins with https://, or with http:// and names this machine."""
    try:
        parts = urlsplit(url)
        is_encrypted = parts.scheme == "https" or parts.hostname in _THIS_MACHINE
        is_plain = not (parts.username or parts.password or parts.fragment) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_encrypted and is_plain


def safe_url(url: str) -> str:
    """Return a URL without a query, to which secrets may be sent. Raises ValueError for any other."""
    if not is_safe_url(url) or "?" in url:
        raise ValueError("a URL that begins with https://, or with http:// on this machine")
    return url


def plain_host(host: str) -> str:
    """Return a host, or a pattern for hosts, in lower case, without brackets and the dot of the root. Raises ValueError."""
    if not _HOST.fullmatch(host):
        raise ValueError(f"a host reads shop.example, *.shop.example or 192.168.1.5, not {host!r}")
    return host.lower().strip("[]").removesuffix(".")


def without_usual_port(origin: str) -> str:
    """Return an origin without the port that its scheme implies."""
    scheme = origin.partition(":")[0]
    return origin.removesuffix(f":{_PORTS.get(scheme)}")  # browsers omit it


def authority_of(origin: str) -> tuple[str, int | None] | None:
    """Return host (without brackets) and port of an origin; None if it has no host.

    An absent port is that of the scheme.
    """
    try:
        parts = urlsplit(origin)
        return (parts.hostname, parts.port or _PORTS.get(parts.scheme)) if parts.hostname else None
    except ValueError:
        return None


def masked_url(url: str, is_user_secret: bool = False) -> str:
    """Return a URL with asterisks in place of its passwords. It may hide more, and never less.

    - is_user_secret: whether a user without a password is a token (NATS)
    """

    def mask(found: re.Match[str]) -> str:
        user, colon, _ = found[1].partition(":")
        return f"://{user}:***@" if colon else "://***@" if is_user_secret else found[0]

    return _SECRET_IN_QUERY.sub(r"\1***", _USER_IN_URL.sub(mask, url))


def url_in(path: Path, setting: str) -> str:
    """Return the URL in a file that a setting names. Raises ValueError."""
    try:
        url = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{setting} cannot be read from {path}: {getattr(error, 'strerror', 'not UTF-8')}"
        ) from None
    if not url or "\n" in url:
        raise ValueError(f"{setting}: the file {path} has to hold one line, a URL")
    return url


def plain_origin(origin: str) -> str:
    """Return an origin as browsers send it. Raises ValueError."""
    plain = without_usual_port(origin.lower().rstrip("/"))
    if not _ORIGIN.match(plain) or authority_of(plain) is None:
        raise ValueError(f"an origin reads https://example.com or http://example.com:8080, not {plain!r}")
    return plain
