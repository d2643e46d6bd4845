"""Utilities: the small functions of `jac_cloud.jaseci.utils`, and `FastAPI` of `jac_cloud`, which programs import to no end."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn


def utc_datetime(**later: float) -> datetime:
    """Now, in UTC, or so much later: `utc_datetime(days=1, hours=-2)`."""
    return datetime.now(UTC) + timedelta(**later)


def utc_datetime_iso(**later: float) -> str:
    """The same in ISO 8601."""
    return utc_datetime(**later).isoformat()


def utc_timestamp(**later: float) -> int:
    """The same in whole seconds since 1970."""
    return int(utc_datetime(**later).timestamp())


def random_string(length: int) -> str:
    """So many letters and digits, which nobody can guess."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


class FastAPI:
    """Jac Cloud's server. Here a program is served by `walkwire serve`; that it names a server does no harm."""

    @staticmethod
    def enable() -> None:
        """Nothing is to be enabled."""

    @staticmethod
    def start(*_: Any, **__: Any) -> NoReturn:
        """Raises RuntimeError."""
        raise RuntimeError("A program does not start its server here: `walkwire serve` serves it")
