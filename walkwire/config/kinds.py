"""Kinds: what a setting may be, where a plain type does not say it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from walkwire.urls import safe_url

Policy = Literal["all", "authenticated", "none"]
Overflow = Literal["close", "drop_oldest", "latest"]
ChannelLevel = Literal["all", "authenticated", "members", "owner", "none"]
LogFormat = Literal["text", "json"]
VerifyEmail = Literal["off", "optional", "required"]
OutsideAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]

SafeUrl = Annotated[str, AfterValidator(safe_url)]


class SsoProvider(BaseModel):
    """An OpenID Connect provider by which browsers sign in.

    - issuer: the provider's URL, as in its tokens; Google's is known
    - client_secret, client_secret_file: proves to the provider who asks; without one the client is public
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    client_secret_file: str | None = None
    issuer: SafeUrl | None = None


class ChannelLevels(BaseModel):
    """Who may join the channels of a pattern, and who may send to them."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    join: ChannelLevel
    send: ChannelLevel


class Retention(NamedTuple):
    """How much is kept of a stream.

    - most: notifications; 0: none
    - seconds: age of the oldest
    - is_durable: whether it is kept in the database, in the commit of the walk that sends it
    """

    most: int
    seconds: float
    is_durable: bool = False


RECENT = Retention(300, 300.0)
DURABLE = Retention(10_000, 30 * 24 * 60 * 60.0, is_durable=True)
MOST_KEPT = 1_000_000  # notifications of a stream

_LEVEL = re.compile(r"(off|recent|durable)(?:\s+([0-9]{1,9}))?(?:\s+([0-9]{1,9})([smhd]))?")
_UNITS = {"s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


def read_level(value: Any) -> Any:
    """Return the level of a text such as `off`, `recent 300 5m` or `durable 10000 30d`; the numbers may be left out."""
    if not isinstance(value, str):
        return value
    found = _LEVEL.fullmatch(value.strip())
    if found is None or (found[1] == "off" and (found[2] or found[3])):
        raise ValueError(f"{value!r} is no history: say off, recent 300 5m, or durable 10000 30d")
    if found[1] == "off":
        return Retention(0, 0.0)
    default = DURABLE if found[1] == "durable" else RECENT
    most = int(found[2]) if found[2] else default.most
    seconds = float(int(found[3]) * _UNITS[found[4]]) if found[3] else default.seconds
    if not 1 <= most <= MOST_KEPT or seconds < 1:
        raise ValueError(f"{value!r}: a history keeps 1 to {MOST_KEPT:,} notifications for a second at least")
    return Retention(most, seconds, default.is_durable)


History = Annotated[Retention, BeforeValidator(read_level)]
