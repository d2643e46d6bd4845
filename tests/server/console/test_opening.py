"""Opening: what a server has of a console that it does not serve."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.server.console.opening import open_console


async def test_without_a_console_nothing_is_made() -> None:
    parts: Any = SimpleNamespace(config=Config(console=False))
    refusals: list[PublicError] = []

    async with open_console(parts, refusals.append) as console:
        assert console.serve is None
        assert console.on_refusal == refusals.append
