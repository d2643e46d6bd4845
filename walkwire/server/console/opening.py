"""Opening: makes the console of a server, if the settings ask for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from fastapi import FastAPI

from walkwire.errors import PublicError
from walkwire.server.console.access import ConsoleAccess, console_token
from walkwire.server.console.console import Console, ConsoleParts
from walkwire.server.console.pages import serve_console_pages
from walkwire.server.console.routes import serve_console_routes
from walkwire.server.http.bearer import address_of
from walkwire.wire.door import OnRefusal


class OpenedConsole(NamedTuple):
    """A console that is ready, or none.

    - serve: adds its routes; None: it is not served
    - on_refusal: takes each error that a client is sent over REST
    """

    serve: Callable[[FastAPI], None] | None
    on_refusal: OnRefusal


@asynccontextmanager
async def open_console(parts: ConsoleParts, on_refusal: OnRefusal) -> AsyncIterator[OpenedConsole]:
    """Yield the console of a server, until it stops. Raises StartError for a token that is missing in production, or too short.

    - on_refusal: takes the errors, too
    """
    if not parts.config.console:
        yield OpenedConsole(None, on_refusal)
        return
    console = Console(parts)
    access = ConsoleAccess(console_token(parts.config), address_of, console.find_admin)

    def serve(api: FastAPI) -> None:
        serve_console_routes(api, console, access)
        serve_console_pages(api)

    def refuse(error: PublicError) -> None:
        on_refusal(error)
        console.feed.refused(error)

    try:
        yield OpenedConsole(serve, refuse)
    finally:
        await console.stop()
