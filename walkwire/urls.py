"""Urls: what a URL names, and whether secrets may be sent there."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


def is_safe_url(url: str) -> bool:
    """Return whether secrets may be sent to this URL: it begins with https://, or with http:// and names this machine."""
    try:
        parts = urlsplit(url)
        is_encrypted = parts.scheme == "https" or parts.hostname in _THIS_MACHINE
        is_plain = not (parts.username or parts.password or parts.fragment) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and is_encrypted and is_plain


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
