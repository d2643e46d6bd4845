"""Config: all settings. The environment and `walkwire.toml` are read here and nowhere else.

A setting is taken from the first of these that has it: an argument, `WALKWIRE_X` in the environment, `x` in the `walkwire.toml`
of the current folder, the default. A wrong value, or an unknown key in the file, raises a StartError that names the key and its
source.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from walkwire.addresses import Network
from walkwire.errors import StartError

Policy = Literal["all", "authenticated", "none"]
Overflow = Literal["close", "drop_oldest", "latest"]
ChannelLevel = Literal["all", "authenticated", "members", "owner", "none"]
LogFormat = Literal["text", "json"]

FILE = "walkwire.toml"
MEBIBYTE = 1024 * 1024
SECRET_BYTES = 32  # RFC 7518 §3.2: a key for HS256 is at least as long as its hash

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names in origins, no address to listen at
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+\Z")
_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def _policy(values: dict[str, Any]) -> Policy:
    return "authenticated" if values.get("production") else "all"


def _log_format(values: dict[str, Any]) -> LogFormat:
    return "json" if values.get("production") else "text"


def _body_limit(values: dict[str, Any]) -> ByteSize:
    return ByteSize(MEBIBYTE if values.get("production") else 16 * MEBIBYTE)


def _in_production(value: float, otherwise: float) -> Callable[[dict[str, Any]], Any]:
    """Return the default of a limit that depends on `production`."""
    return lambda values: value if values.get("production") else otherwise


def _walk_seconds(values: dict[str, Any]) -> float:
    return 30 if values.get("production") else 0


def _user_walks(values: dict[str, Any]) -> int:
    return 32 if values.get("production") else 1024


def _user_tasks(values: dict[str, Any]) -> int:
    return 1000 if values.get("production") else 100_000


class ChannelLevels(BaseModel):
    """Who may join the channels of a pattern, and who may send to them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    join: ChannelLevel
    send: ChannelLevel


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
    database_pool: int = Field(16, ge=4, le=1000)
    database_timeout: float = Field(10, gt=0)
    broker: str = Field("memory://", repr=False)  # may hold a password
    workers: int = Field(1, ge=1, le=256)
    production: bool = False
    token_secret: SecretStr | None = None
    token_secret_file: str | None = None
    origins: Annotated[tuple[str, ...], NoDecode] = ()
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    policy_user: Policy = Field(default_factory=_policy)
    policy_channel: Policy = Field(default_factory=_policy)
    policy_client: Policy = Field(default_factory=_policy)
    policy_join: Policy = Field(default_factory=_policy)
    channels: Annotated[dict[str, ChannelLevels], NoDecode] = {}
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
    body_limit: ByteSize = Field(default_factory=_body_limit, ge=1024)
    query_limit: int = Field(1000, ge=1)
    answer_limit: ByteSize = Field(ByteSize(16 * MEBIBYTE), ge=1024)
    upload_limit: ByteSize = Field(ByteSize(16 * MEBIBYTE), ge=1)
    form_limit: ByteSize = Field(ByteSize(32 * MEBIBYTE), ge=1024)
    form_parts: int = Field(100, ge=1)
    forms_bound: ByteSize = Field(ByteSize(256 * MEBIBYTE), ge=1024)
    login_failures: int = Field(default_factory=_in_production(10, 1000), ge=0)
    address_failures: int = Field(default_factory=_in_production(30, 10_000), ge=0)
    registrations: int = Field(default_factory=_in_production(30, 100_000), ge=0)
    resets: int = Field(default_factory=_in_production(10, 1000), ge=0)
    logins_at_once: int = Field(default_factory=_in_production(8, 512), ge=0)
    login_queue: int = Field(default_factory=_in_production(32, 512), ge=2)
    reset_queue: int = Field(512, ge=1)
    webhook_keys: int = Field(100, ge=1)
    queue_bound: ByteSize = Field(ByteSize(MEBIBYTE), ge=1024)
    ping_seconds: float = Field(25, gt=0)
    pong_seconds: float = Field(20, gt=0)
    threads: int = Field(16, ge=1, le=1000)
    walk_queue: int = Field(4096, ge=0)
    walk_seconds: float = Field(default_factory=_walk_seconds, ge=0)
    user_walks: int = Field(default_factory=_user_walks, ge=0)
    user_tasks: int = Field(default_factory=_user_tasks, ge=0)
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
    log_format: LogFormat = Field(default_factory=_log_format)
    compression: bool = False
    keep: Annotated[dict[str, Overflow], NoDecode] = {}

    @field_validator("origins", "trusted_proxies", mode="before")
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

    @field_validator("keep", "channels", mode="before")
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
        plain = tuple(_without_usual_port(origin.lower().rstrip("/")) for origin in origins)
        for origin in plain:
            if not _ORIGIN.match(origin) or _authority(origin) is None:
                raise ValueError(
                    f"an origin reads https://example.com or http://example.com:8080, not {origin!r}"
                )
        return plain

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
        there = _authority(origin)
        if there is None:
            return False
        if not self.production:
            return there[0] in _LOCAL or there[0].endswith(".localhost")
        scheme = origin.partition(":")[0]
        return host is not None and there == _authority(f"{scheme}://{host.lower()}")


def load(**arguments: Any) -> Config:
    """Return the settings from `arguments`, the environment and the file. Arguments that are None count as absent.

    Raises StartError.
    """
    given = {key: value for key, value in arguments.items() if value is not None}
    try:
        return _Settings(**given)
    except ValidationError as error:
        # The default of a policy is not computed if another value is wrong.
        problems = [one for one in error.errors() if one["type"] != "default_factory_not_called"]
        raise StartError("; ".join(_sentence(problem, given) for problem in problems)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise StartError(f"{FILE} cannot be read: {error}") from None


class _JacCloudNames(PydanticBaseSettingsSource):
    """The variables without a prefix that Jac Cloud reads too, and TOKEN_SECRET_FILE."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        name = field_name.upper()
        return os.environ.get(name) if name in _JAC_CLOUD_NAMES else None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in Config.model_fields.items()}
        return {name: value for name, value in found.items() if value}


_JAC_CLOUD_NAMES = ("TOKEN_SECRET", "TOKEN_SECRET_FILE", "SHOW_ENDPOINT_RETURNS")


class _Settings(BaseSettings, Config):
    model_config = SettingsConfigDict(env_prefix="WALKWIRE_", env_ignore_empty=True, toml_file=FILE)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, _JacCloudNames(settings_cls), file


def _sentence(problem: Any, given: dict[str, Any]) -> str:
    key = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Config.model_fields, 1)
        return f"{FILE} has an unknown key {key!r}" + (f": is {near[0]!r} meant?" if near else "")
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{key.upper()}, from {_source(key, given)}: {message[:1].lower()}{message[1:]}"


def _source(key: str, given: dict[str, Any]) -> str:
    if key in given:
        return f"the argument --{key}"
    names = {f"WALKWIRE_{key.upper()}"} | ({key.upper()} & {*_JAC_CLOUD_NAMES})
    return next((name for name, value in os.environ.items() if name.upper() in names and value), FILE)


def _without_usual_port(origin: str) -> str:
    scheme = origin.partition(":")[0]
    return origin.removesuffix(f":{_PORTS.get(scheme)}")  # browsers omit it


def _authority(origin: str) -> tuple[str, int | None] | None:
    """Return host (without brackets) and port of an origin; None if it has no host.

    An absent port is that of the scheme.
    """
    try:
        parts = urlsplit(origin)
        return (parts.hostname, parts.port or _PORTS.get(parts.scheme)) if parts.hostname else None
    except ValueError:
        return None
