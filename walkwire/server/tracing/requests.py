"""Requests: a span for each request over HTTP, below the one that its header `traceparent` names."""

from __future__ import annotations

from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from walkwire.server.http.head import HEAD
from walkwire.server.tracing.spans import Spans, end, parent_in

UNSEEN = ("/healthz", "/metrics", "/console")  # what operators and their tools ask again and again

_walkers: ContextVar[list[str] | None] = ContextVar(
    "_walkers", default=None
)  # that the request under way ran


class RequestSpans:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(UNSEEN):
            await self._app(scope, receive, send)
            return
        method, walkers, status = scope["method"], list[str](), 0
        token = _walkers.set(walkers)

        async def sent(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        attributes = {"http.request.method": method}
        span = self._spans.begin(method, SpanKind.SERVER, parent_in(scope["headers"]), attributes)
        error: BaseException | None = None
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, sent)
            except BaseException as raised:
                error = raised
                raise
            finally:
                _describe(span, scope, status, walkers)
                end(span, error)
                _walkers.reset(token)


def note_walker(name: str) -> bool:
    """Take that the request under way runs a walker. Return whether there is a request."""
    walkers = _walkers.get()
    if walkers is not None:
        walkers.append(name)
    return walkers is not None


def _describe(span: Span, scope: Scope, status: int, walkers: list[str]) -> None:
    """Name a span by its walker or its route, never by its path, which may hold anything."""
    route = getattr(scope.get("route"), "path", None)
    if walkers:
        span.update_name(f"{scope['method']} walker {walkers[0]}")
    elif route:
        span.update_name(f"{scope['method']} {route}")
    if route:
        span.set_attribute("http.route", route)
    if (head := scope.get(HEAD)) is not None:
        span.set_attribute("walkwire.request", head.id)
    if status:
        span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_attribute("error.type", str(status))
        span.set_status(StatusCode.ERROR)
