"""Api: the FastAPI application of a program: its walkers, accounts, health, metrics, description and page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Scope

from walkwire.account.accounts import Accounts
from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.hosts import Hosts
from walkwire.server.http.cors import Cors
from walkwire.server.http.faults import Guard, add_error_handlers
from walkwire.server.http.head import HeadCheck
from walkwire.server.http.health import Health, serve_health
from walkwire.server.http.metrics import Render, serve_metrics
from walkwire.server.http.notify import serve_notify
from walkwire.server.http.tickets import serve_tickets
from walkwire.server.http.traverse import serve_utilities
from walkwire.server.http.users import serve_accounts, serve_resets
from walkwire.server.http.walkers.form import FormLimits, Forms
from walkwire.server.http.walkers.openapi import serve_description
from walkwire.server.http.walkers.rest import Walkers
from walkwire.server.http.webhook import serve_webhooks
from walkwire.wire.door import AddressOf, own_address
from walkwire.wire.hub import Hub


@dataclass(frozen=True, slots=True)
class Operations:
    """What an application serves beside walkers and accounts.

    - health: whether this server is ready
    - hub: sends the notifications of services
    - cookies: sets and reads the cookies of log-ins
    - hosts: refuses requests for other hosts; None: there are none
    - title: the application's name in its description
    - page: the file that answers `GET /`; None: there is none
    - metrics: renders `/metrics`; None: it is not served
    - on_refusal: called with each error that a client is sent; None: nobody counts them
    - on_request: called with the scope of each request, in the request's own context
    - address_of: finds the address that a client is counted by
    """

    health: Health
    hub: Hub
    cookies: Cookies
    hosts: Hosts | None = None
    title: str = "walkwire"
    page: Path | None = None
    metrics: Render | None = None
    on_refusal: Callable[[PublicError], None] | None = None
    on_request: Callable[[Scope], object] = lambda scope: None
    address_of: AddressOf = own_address


def make_api(config: Config, walkers: Walkers, accounts: Accounts, operations: Operations) -> ASGIApp:
    """Return the application that serves everything over HTTP. Raises StartError if a walker's specs do not fit it."""
    api = FastAPI(title=operations.title, version="1")
    api.state.body_limit = config.body_limit
    api.state.element_limit = config.element_limit
    api.state.forms = Forms(_form_limits(config))
    api.state.address_of = operations.address_of
    api.state.cookies = operations.cookies
    api.state.allows_origin = config.allows_origin
    add_error_handlers(api, operations.on_refusal)
    serve_health(api, operations.health)
    if operations.metrics is not None:
        serve_metrics(api, operations.metrics)
    if operations.page is not None:
        _serve_page(api, operations.page)
    serve_accounts(api, accounts.users, accounts.auth, accounts.profile)
    serve_tickets(api, accounts.tickets, accounts.auth)
    if accounts.resets is not None:
        serve_resets(api, accounts.resets)
    serve_notify(api, accounts.services, operations.hub)
    if walkers.have_webhooks:
        serve_webhooks(api, accounts.webhooks, accounts.auth)
    serve_utilities(api, walkers.run, accounts.auth, config.answer_limit)
    description = serve_description(api)
    # Walkers come last: a walker's path as general as "/{x}" must not hide the routes above.
    walkers.serve(api, on_change=description.forget)
    answering = Cors(Guard(walkers.shortcut(api)), config)
    has_proxies = bool(config.trusted_proxies) or not config.production
    return HeadCheck(
        answering,
        config.query_limit,
        operations.on_refusal,
        operations.on_request,
        has_proxies,
        operations.cookies,
        operations.hosts,
    )


def _form_limits(config: Config) -> FormLimits:
    return FormLimits(config.upload_limit, config.form_limit, config.form_parts, config.forms_bound)


def _serve_page(api: FastAPI, page: Path) -> None:
    async def show(request: Request) -> Response:
        return FileResponse(page, media_type="text/html", headers={"Cache-Control": "no-cache"})

    api.add_route("/", show, include_in_schema=False)
