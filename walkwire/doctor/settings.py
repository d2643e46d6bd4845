"""Settings: checks that read nothing but the settings, and the file of the secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from walkwire.account.secret import place_of_secret, signing_secret
from walkwire.config import Config
from walkwire.doctor.finding import Finding
from walkwire.errors import StartError
from walkwire.stores import kind_of

_FEW = 10  # different bytes in a secret: a random one of 32 bytes has more than 15


def mode(config: Config) -> Iterator[Finding]:
    """Check that this is production."""
    if config.production:
        yield Finding("ok", "mode", "production")
    else:
        yield Finding(
            "wrong",
            "mode",
            "This is development: everybody may send, and limits are wide. Serve with --production",
        )


def secret(config: Config) -> Iterator[Finding]:
    """Check that a secret is given, that it is long and random, and not the one of development."""
    own = place_of_secret(kind_of(config.database).file(config.database))
    given = config.token_secret_file
    if config.token_secret is None and given is None:
        yield Finding(
            "wrong",
            "secret",
            "No signing secret is given. Set WALKWIRE_TOKEN_SECRET_FILE to a file with the output of"
            " `openssl rand -base64 48`",
        )
        return
    try:
        found = signing_secret(config, None)
    except StartError as error:
        yield Finding("wrong", "secret", str(error))
        return
    with suppress(OSError):
        if own.read_bytes().strip() == found:
            yield Finding(
                "wrong",
                "secret",
                f"The secret is that of development, from {own}. Make another for production",
            )
            return
    if len(set(found)) < _FEW:
        yield Finding("wrong", "secret", "The secret can be guessed. Make one with `openssl rand -base64 48`")
        return
    if given is not None and Path(given).stat().st_mode & 0o077:
        yield Finding("warn", "secret", f"Others on this machine may read {given}: chmod 600 {given}")
        return
    yield Finding("ok", "secret", f"given, {len(found)} bytes")


def policies(config: Config) -> Iterator[Finding]:
    """Check that no policy is open to callers who have not signed in."""
    doings = {
        "POLICY_USER": (config.policy_user, "send user events"),
        "POLICY_CHANNEL": (config.policy_channel, "send channel events"),
        "POLICY_CLIENT": (config.policy_client, "send client events"),
        "POLICY_JOIN": (config.policy_join, "join channels"),
    }
    is_open = False
    for name, (policy, doing) in doings.items():
        if policy == "all":
            is_open = True
            yield Finding(
                "warn", "policies", f"Everybody may {doing} without signing in. Set {name} to authenticated"
            )
    if not is_open:
        yield Finding("ok", "policies", "closed to callers who have not signed in")


def tls(config: Config) -> Iterator[Finding]:
    """Check that pages come over TLS, and that something can stand in front of a server that speaks plain HTTP."""
    plain = [origin for origin in config.origins if origin.startswith("http://") and not _is_local(origin)]
    if plain:
        yield Finding(
            "wrong",
            "TLS",
            f"Pages of {', '.join(plain)} come without TLS: anybody on the way reads their tokens. Name https:// in ORIGINS",
        )
    elif _is_loopback(config.host) or config.trusted_proxies:
        yield Finding(
            "ok", "TLS", "A proxy can end TLS in front of this server; cookies are sent over TLS only"
        )
    else:
        yield Finding(
            "warn",
            "TLS",
            f"This server speaks plain HTTP at {config.host}. End TLS in a proxy in front of it, and name the proxy in"
            " TRUSTED_PROXIES",
        )


def proxies(config: Config) -> Iterator[Finding]:
    """Check that proxies are named, and not everybody."""
    if any(network.prefixlen == 0 for network in config.trusted_proxies):
        yield Finding(
            "wrong",
            "proxies",
            "TRUSTED_PROXIES names every address: each client can choose the address that limits count. Name the proxies only",
        )
    elif config.trusted_proxies:
        yield Finding("ok", "proxies", f"trusted: {', '.join(map(str, config.trusted_proxies))}")
    else:
        yield Finding(
            "warn",
            "proxies",
            "None is named. Behind a proxy, all clients share the limits of its address: name it in TRUSTED_PROXIES",
        )


def hosts(config: Config) -> Iterator[Finding]:
    """Check that the hosts are named."""
    if config.hosts and "*" not in config.hosts:
        yield Finding("ok", "hosts", f"served: {', '.join(config.hosts)}")
    else:
        yield Finding(
            "warn",
            "hosts",
            "Every host is served, also one that a stranger points at this server. Name your own in HOSTS",
        )


def _is_local(origin: str) -> bool:
    name = urlsplit(origin).hostname or ""
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
