"""Stand-ins: the functions of `jac_cloud.jaseci.utils`, and `FastAPI` of `jac_cloud`, which has no effect here."""

from __future__ import annotations

import secrets
import string
from datetime import UTC, datetime, timedelta
from typing import NoReturn


def utc_datetime(**later: float) -> datetime:
    """Return the current time in UTC, plus an offset as for `timedelta`: `utc_datetime(days=1, hours=-2)`."""
    return datetime.now(UTC) + timedelta(**later)


def utc_datetime_iso(**later: float) -> str:
    """Return `utc_datetime` in ISO 8601."""
    return utc_datetime(**later).isoformat()


def utc_timestamp(**later: float) -> int:
    """Return `utc_datetime` in whole seconds since 1970."""
    return int(utc_datetime(**later).timestamp())


def random_string(length: int) -> str:
    """Return `length` random letters and digits, from a cryptographic source."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


class FastAPI:
    """Jac Cloud's server. Accepted for compatibility; `walkwire serve` serves a program here."""

    @staticmethod
    def enable() -> None:
        """Accepted for compatibility; has no effect."""

    @staticmethod
    def start(*_: object, **__: object) -> NoReturn:
        """Raise RuntimeError: `walkwire serve` starts the server."""
        raise RuntimeError("A program does not start its server here: `walkwire serve` serves it")
