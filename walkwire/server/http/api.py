"""Api: the FastAPI application of a program: its walkers, the accounts, health, the documentation, the program's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp

from walkwire.account.auth import Auth
from walkwire.account.reset import Resets
from walkwire.account.service import Services
from walkwire.account.user import Users
from walkwire.account.webhook import Webhooks
from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.server.http.answers import RunWalker
from walkwire.server.http.cors import Cors
from walkwire.server.http.faults import Guard, tell_faults
from walkwire.server.http.health import Health, serve_health
from walkwire.server.http.metrics import Render, serve_metrics
from walkwire.server.http.notify import serve_notify
from walkwire.server.http.traverse import serve_utilities
from walkwire.server.http.users import serve_accounts, serve_resets
from walkwire.server.http.walkers.openapi import serve_description
from walkwire.server.http.walkers.rest import Walkers
from walkwire.server.http.webhook import serve_webhooks
from walkwire.walk.walker.specs import specs_of
from walkwire.wire.hub import Hub


def make_api(
    config: Config,
    walkers: Mapping[str, type],
    walk: RunWalker,
    *,
    users: Users,
    auth: Auth,
    services: Services,
    hub: Hub,
    health: Health,
    webhooks: Webhooks | None = None,
    resets: Resets | None = None,
    profile: type[BaseModel] | None = None,
    title: str = "walkwire",
    page: Path | None = None,
    metrics: Render | None = None,
    on_refusal: Callable[[PublicError], None] | None = None,
    hand_over: Callable[[Walkers], None] = lambda walkers: None,
) -> ASGIApp:
    """Everything that is served over HTTP. `profile` has the fields that the program gives its users, `page` answers `GET /`.

    `hand_over` is given what later walkers can be added to. Raises StartError where a walker's specs do not fit.
    """
    api = FastAPI(title=title, version="1")
    api.state.body_limit = config.body_limit
    tell_faults(api, on_refusal)
    serve_health(api, health)
    if metrics is not None:
        serve_metrics(api, metrics)
    if page is not None:
        _serve_page(api, page)
    serve_accounts(api, users, auth, profile)
    if resets is not None:
        serve_resets(api, resets)
    serve_notify(api, services, hub)
    if webhooks is not None and any(specs_of(walker).webhook is not None for walker in walkers.values()):
        serve_webhooks(api, webhooks, auth)
    serve_utilities(api, walk, auth)
    description = serve_description(api)
    # The walkers come last: one whose path is as open as "/{x}" takes nothing that has a place of its own.
    exposed = Walkers(
        api, walk, auth, webhooks, with_returns=config.show_endpoint_returns, on_change=description.forget
    )
    for name, walker in walkers.items():
        exposed.add(name, walker)
    hand_over(exposed)
    return Cors(Guard(exposed.shortcut(api)), config)


def _serve_page(api: FastAPI, page: Path) -> None:
    async def show(request: Request) -> Response:
        return FileResponse(page, media_type="text/html", headers={"Cache-Control": "no-cache"})

    api.add_route("/", show, include_in_schema=False)
