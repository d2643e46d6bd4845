"""Api: the FastAPI application of a program: its walkers, accounts, health, metrics, description and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp, Scope

from walkwire.account.accounts import Accounts
from walkwire.account.outside.sign_on import SignOn
from walkwire.config import Config
from walkwire.errors import PublicError
from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.hosts import Hosts
from walkwire.server.http.accounts.sso import serve_sign_on
from walkwire.server.http.accounts.tickets import serve_tickets
from walkwire.server.http.accounts.users import (
    serve_accounts,
    serve_keys,
    serve_resets,
    serve_sessions,
    serve_verification,
)
from walkwire.server.http.accounts.webhook import serve_webhooks
from walkwire.server.http.cors import Cors
from walkwire.server.http.faults import Guard, add_error_handlers
from walkwire.server.http.files.serve import Files, serve_files
from walkwire.server.http.head import HeadCheck
from walkwire.server.http.health import Health, serve_health
from walkwire.server.http.metrics import Render, serve_metrics
from walkwire.server.http.notify import serve_notify
from walkwire.server.http.pages.description import Description, Making
from walkwire.server.http.pages.docs import serve_docs
from walkwire.server.http.pages.socket import describe_page, serve_socket_docs
from walkwire.server.http.streams import serve_streams
from walkwire.server.http.traverse import serve_utilities
from walkwire.server.http.walkers.form import FormLimits, Forms
from walkwire.server.http.walkers.openapi import describe_routes, serve_description
from walkwire.server.http.walkers.rest import Walkers
from walkwire.wire.door import AddressOf, Door, own_address
from walkwire.wire.hub import Hub


@dataclass(frozen=True, slots=True)
class Operations:
    """What an application serves beside walkers and accounts.

    - health: whether this server is ready
    - hub: sends the notifications of services
    - cookies: sets and reads the cookies of log-ins
    - hosts: refuses requests for other hosts; None: there are none
    - title: the application's name in its description
    - files: answer what no route answers; None: there are none
    - metrics: renders `/metrics`; None: it is not served
    - on_refusal: called with each error that a client is sent; None: nobody counts them
    - on_request: called with the scope of each request, in the request's own context
    - address_of: finds the address that a client is counted by
    - door: what connections are given; None: there is none for streams over HTTP
    - describe_socket: makes the description of the WebSocket, JSON; None: it is not described
    - sign_on: signs browsers in at outside providers; None: it is not served
    - console: adds the routes of the console; None: it is not served
    """

    health: Health
    hub: Hub
    cookies: Cookies
    hosts: Hosts | None = None
    title: str = "walkwire"
    files: Files | None = None
    metrics: Render | None = None
    on_refusal: Callable[[PublicError], None] | None = None
    on_request: Callable[[Scope], object] = lambda scope: None
    address_of: AddressOf = own_address
    sign_on: SignOn | None = None
    door: Door | None = None
    describe_socket: Making | None = None
    console: Callable[[FastAPI], None] | None = None


def make_api(config: Config, walkers: Walkers, accounts: Accounts, operations: Operations) -> ASGIApp:
    """Return the application that serves everything over HTTP. Raises StartError if a walker's specs do not fit it."""
    # Without FastAPI's own pages, which load scripts from other hosts, and its description, which is made on the event loop.
    api = FastAPI(title=operations.title, version="1", openapi_url=None)
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
    if operations.console is not None:
        operations.console(api)
    serve_accounts(api, accounts.users, accounts.auth, accounts.profile)
    serve_sessions(api, accounts.sessions, accounts.auth)
    serve_tickets(api, accounts.tickets, accounts.auth)
    if accounts.resets is not None:
        serve_resets(api, accounts.resets)
    if accounts.verification is not None:
        serve_verification(api, accounts.verification, accounts.auth)
    if operations.sign_on is not None:
        serve_sign_on(api, operations.sign_on, accounts.users)
    if accounts.keys is not None and accounts.keys.published:
        serve_keys(api, accounts.keys)
    serve_notify(api, accounts.services, operations.hub)
    if operations.door is not None and operations.door.sessions is not None:
        serve_streams(api, accounts.auth, operations.door)
    if walkers.have_webhooks:
        serve_webhooks(api, accounts.webhooks, accounts.auth)
    serve_utilities(api, walkers.run, accounts.auth, config.answer_limit)
    descriptions = [Description(lambda: describe_routes(api, walkers.reports))]
    if config.docs:
        serve_description(api, descriptions[0])
        serve_docs(api)
        if (describe := operations.describe_socket) is not None:
            socket = Description(lambda: describe)
            page = Description(lambda: partial(describe_page, describe))
            serve_socket_docs(api, socket, page)
            descriptions += [socket, page]

    def forget() -> None:
        for description in descriptions:
            description.forget()

    # Walkers come last: a walker's path as general as "/{x}" must not hide the routes above.
    walkers.serve(api, on_change=forget)
    if operations.files is not None:
        serve_files(api, operations.files)
    cors = Cors(Guard(api), config)
    answering = walkers.shortcut(cors, cors)
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
