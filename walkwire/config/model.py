"""Model: all settings, with their defaults, and what is checked of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, field_validator, model_validator

from walkwire.addresses import Network
from walkwire.config.kinds import (
    RECENT,
    ChannelLevels,
    History,
    LogFormat,
    OutsideAlgorithm,
    Overflow,
    Policy,
    SafeUrl,
    SsoProvider,
    VerifyEmail,
)
from walkwire.urls import authority_of, plain_host, plain_origin, url_in

ANY = "*"  # any origin
MEBIBYTE = 1024 * 1024
SECRET_URLS = ("database", "broker")  # settings that may hold a password
SECRET_BYTES = 32  # RFC 7518 §3.2: a key for HS256 is at least as long as its hash

_YEARS = 10 * 366 * 24 * 60 * 60  # seconds: no token is valid for longer
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names in origins, no address to listen at
ISSUERS = {"google": "https://accounts.google.com"}  # of providers that need no setting for it

_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_]{0,31}\Z")


def _in_production(value: Any, otherwise: Any) -> Callable[[dict[str, Any]], Any]:
    """Return a default that depends on `production`."""
    return lambda values: value if values.get("production") else otherwise


class Config(BaseModel):
    """All settings. `Config(…)` uses its arguments only; `load` reads the environment and the file too.

    - Sizes are bytes; the file and the environment may say "1MiB". Times are seconds.
    - `policy_…`: who may do it. The default is everybody in development, and signed-in users in production.
    - `show_endpoint_returns`: whether answers include what abilities returned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    database: str = Field("sqlite:///walkwire.db", repr=False)  # may hold a password
    database_file: str | None = None
    database_pool: int = Field(16, ge=4, le=1000)
    database_timeout: float = Field(10, gt=0)
    broker: str = Field("memory://", repr=False)  # may hold a password
    broker_file: str | None = None
    workers: int = Field(1, ge=1, le=256)
    production: bool = False
    token_secret: SecretStr | None = None
    token_secret_file: str | None = None
    token_key_files: tuple[str, ...] = ()
    token_signer: str | None = None
    public_url: SafeUrl | None = None
    verify_email: VerifyEmail = "off"
    smtp_url: SecretStr | None = None
    smtp_password_file: str | None = None
    mail_from: str | None = None
    oidc_issuer: SafeUrl | None = None
    oidc_audience: tuple[str, ...] = ()
    oidc_jwks_url: SafeUrl | None = None
    oidc_algorithms: tuple[OutsideAlgorithm, ...] = ("RS256", "ES256")
    oidc_register: bool = False
    sso: dict[str, SsoProvider] = Field({}, repr=False)
    sso_link: bool = False
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    dev_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    frame_ancestors: tuple[str, ...] = Field(default_factory=_in_production((), (ANY,)))
    hsts_seconds: int = Field(0, ge=0)
    spa: bool = False
    docs: bool = Field(default_factory=_in_production(False, True))
    console: bool = Field(default_factory=_in_production(False, True))
    console_token: SecretStr | None = None
    console_token_file: str | None = None
    policy_user: Policy = Field(default_factory=_in_production("authenticated", "all"))
    policy_channel: Policy = Field(default_factory=_in_production("authenticated", "all"))
    policy_client: Policy = Field(default_factory=_in_production("authenticated", "all"))
    policy_join: Policy = Field(default_factory=_in_production("authenticated", "all"))
    channels: dict[str, ChannelLevels] = {}
    channel_send: Literal["connect", "write", "none"] = "connect"
    client_events: Literal["plain", "wrapped"] = "plain"
    frame_limit: ByteSize = Field(ByteSize(MEBIBYTE), ge=1024)
    public_frame_limit: ByteSize = Field(
        default_factory=_in_production(ByteSize(64 * 1024), ByteSize(MEBIBYTE)), ge=1024
    )
    element_limit: int = Field(default_factory=_in_production(10_000, 1_000_000), ge=100)
    target_limit: int = Field(default_factory=_in_production(100, 1000), ge=1, le=1000)
    event_rate: float = Field(default_factory=_in_production(200, 0), ge=0)
    byte_rate: ByteSize = Field(default_factory=_in_production(ByteSize(512 * 1024), ByteSize(0)), ge=0)
    join_rate: float = Field(default_factory=_in_production(20, 0), ge=0)
    rate_burst: float = Field(10, gt=0)
    rate_patience: float = Field(30, ge=0)
    rates_per_user: float = Field(4, ge=0)
    rates_per_address: float = Field(20, ge=0)
    body_limit: ByteSize = Field(
        default_factory=_in_production(ByteSize(MEBIBYTE), ByteSize(16 * MEBIBYTE)), ge=1024
    )
    query_limit: int = Field(1000, ge=1)
    answer_limit: ByteSize = Field(ByteSize(16 * MEBIBYTE), ge=1024)
    upload_limit: ByteSize = Field(ByteSize(16 * MEBIBYTE), ge=1)
    form_limit: ByteSize = Field(ByteSize(32 * MEBIBYTE), ge=1024)
    form_parts: int = Field(100, ge=1)
    forms_bound: ByteSize = Field(ByteSize(256 * MEBIBYTE), ge=1024)
    password_length: int = Field(default_factory=_in_production(8, 1), ge=1, le=1024)
    login_failures: int = Field(default_factory=_in_production(10, 1000), ge=0)
    address_failures: int = Field(default_factory=_in_production(30, 10_000), ge=0)
    registrations: int = Field(default_factory=_in_production(30, 100_000), ge=0)
    resets: int = Field(default_factory=_in_production(10, 1000), ge=0)
    logins_at_once: int = Field(default_factory=_in_production(8, 512), ge=0)
    login_queue: int = Field(default_factory=_in_production(32, 512), ge=2)
    reset_queue: int = Field(512, ge=1)
    webhook_keys: int = Field(100, ge=1)
    token_seconds: int = Field(12 * 60 * 60, ge=1, le=_YEARS)
    access_seconds: int = Field(15 * 60, ge=1, le=_YEARS)
    refresh_seconds: int = Field(30 * 24 * 60 * 60, ge=1, le=_YEARS)
    user_sessions: int = Field(100, ge=1, le=1000)
    queue_bound: ByteSize = Field(ByteSize(MEBIBYTE), ge=1024)
    ping_seconds: float = Field(25, gt=0)
    pong_seconds: float = Field(20, gt=0)
    threads: int = Field(16, ge=1, le=1000)
    walk_queue: int = Field(4096, ge=0)
    walk_seconds: float = Field(default_factory=_in_production(30, 0), ge=0)
    user_walks: int = Field(default_factory=_in_production(32, 1024), ge=0)
    user_tasks: int = Field(default_factory=_in_production(1000, 100_000), ge=0)
    stop_seconds: float = Field(10, ge=0)
    memory_bound: ByteSize = Field(ByteSize(256 * MEBIBYTE), ge=MEBIBYTE)
    user_connections: int = Field(default_factory=_in_production(100, 0), ge=0)
    address_connections: int = Field(default_factory=_in_production(1000, 0), ge=0)
    anonymous_connections: int = Field(default_factory=_in_production(10_000, 0), ge=0)
    anonymous_seconds: float = Field(default_factory=_in_production(60, 0), ge=0)
    message_seconds: float = Field(default_factory=_in_production(30, 60), ge=0)
    body_seconds: float = Field(default_factory=_in_production(60, 300), ge=0)
    show_endpoint_returns: bool = False
    drain_seconds: float = Field(0, ge=0)
    metrics: bool = False
    traces: bool = False
    log_format: LogFormat = Field(default_factory=_in_production("json", "text"))
    compression: bool = False
    keep: dict[str, Overflow] = {}
    history: dict[str, History] = {}
    user_history: History = RECENT
    session_seconds: float = Field(300, ge=1, le=24 * 60 * 60)

    @model_validator(mode="before")
    @classmethod
    def _read_urls(cls, values: dict[str, Any]) -> dict[str, Any]:
        return values | {name: _url_in(values, name) for name in SECRET_URLS if values.get(f"{name}_file")}

    @field_validator(
        "origins",
        "trusted_proxies",
        "hosts",
        "dev_hosts",
        "frame_ancestors",
        "token_key_files",
        "oidc_audience",
        "oidc_algorithms",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )

    @field_validator("channels", mode="before")
    @classmethod
    def _both_levels(cls, value: object) -> object:  # runs after `_from_json`: pydantic begins with the last
        if not isinstance(value, dict):
            return value
        return {
            pattern: {"join": level, "send": level} if isinstance(level, str) else level
            for pattern, level in value.items()
        }

    @field_validator("keep", "channels", "history", "sso", mode="before")
    @classmethod
    def _from_json(cls, value: object) -> object:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error}") from None

    @field_validator("channels", mode="after")
    @classmethod
    def _owned(cls, channels: dict[str, ChannelLevels]) -> dict[str, ChannelLevels]:
        for pattern, levels in channels.items():
            if "owner" in (levels.join, levels.send) and pattern.count("{root_id}") != 1:
                raise ValueError(f"the pattern {pattern!r} needs {{root_id}} once, as its level is owner")
        return channels

    @field_validator("origins", mode="after")
    @classmethod
    def _plain(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(plain_origin, origins))

    @field_validator("frame_ancestors", mode="after")
    @classmethod
    def _plain_or_any(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(ANY if origin == ANY else plain_origin(origin) for origin in origins)

    @field_validator("sso", mode="after")
    @classmethod
    def _named(cls, providers: dict[str, SsoProvider]) -> dict[str, SsoProvider]:
        for name, provider in providers.items():
            if not _PROVIDER.match(name):
                raise ValueError("a provider's name has 1 to 32 letters in lower case, digits and _")
            if provider.issuer is None and name not in ISSUERS:
                raise ValueError(
                    f"the provider {name!r} needs SSO_{name.upper()}_ISSUER, the URL of its OpenID Connect"
                )
        return providers

    @field_validator("hosts", "dev_hosts", mode="after")
    @classmethod
    def _without_ports(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(plain_host, hosts))

    @field_validator("token_secret", mode="after")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(f"a signing secret has at least {SECRET_BYTES} bytes")
        return secret

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether a page of `origin` may talk to this server.

        - `origin`: the Origin header, None if absent. Browsers always send it, so a request without it is allowed: it comes from
          no page.
        - `host`: the Host header, by which the client called this server.

        The origins of the setting `origins` are always allowed. Besides these, development allows pages of this machine on any
        port, and production those with the server's own name.
        """
        if origin is None:
            return True
        origin = origin.lower()
        if origin in self.origins:
            return True
        there = authority_of(origin)
        if there is None:
            return False
        if not self.production:
            return there[0] in _LOCAL or there[0].endswith(".localhost")
        return is_own_origin(origin, host)


def is_own_origin(origin: str, host: str | None) -> bool:
    """Return whether a page of this origin has the name by which the client called the server: the header Host."""
    origin = origin.lower()
    own = None if host is None else authority_of(f"{origin.partition(':')[0]}://{host.lower()}")
    return own is not None and authority_of(origin) == own


def _url_in(values: dict[str, Any], name: str) -> str:
    setting = f"{name}_file".upper()
    if values.get(name):
        raise ValueError(f"{name.upper()} and {setting} are both given: leave one out")
    return url_in(Path(values[f"{name}_file"]), setting)
