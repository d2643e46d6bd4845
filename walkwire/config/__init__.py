"""Config: all settings. The environment and `walkwire.toml` are read by `walkwire.config.sources` and nowhere else.

A setting is taken from the first of these that has it: an argument, `WALKWIRE_X` in the environment, `x` in the `walkwire.toml`
of the current folder, the default. A wrong value, or an unknown key in the file, raises a StartError that names the key and its
source.
"""

from __future__ import annotations

from walkwire.config.kinds import (
    RECENT,
    ChannelLevel,
    ChannelLevels,
    LogFormat,
    Retention,
    SsoProvider,
    VerifyEmail,
)
from walkwire.config.model import ANY, ISSUERS, SECRET_BYTES, Config, is_own_origin
from walkwire.config.sources import client_token, load

__all__ = [
    "ANY",
    "ISSUERS",
    "RECENT",
    "SECRET_BYTES",
    "ChannelLevel",
    "ChannelLevels",
    "Config",
    "LogFormat",
    "Retention",
    "SsoProvider",
    "VerifyEmail",
    "client_token",
    "is_own_origin",
    "load",
]
