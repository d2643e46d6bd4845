"""REST: makes the routes of walkers: the methods and paths of their specs, and their description in OpenAPI."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Container, Coroutine, Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import FastAPI, HTTPException, Path, Response, Security
from pydantic import BaseModel
from starlette.types import ASGIApp

from walkwire.account.accounts import Accounts
from walkwire.account.auth import PUBLIC, Caller
from walkwire.account.webhook import Webhooks
from walkwire.errors import Refused, StartError
from walkwire.server.http.accounts.webhook import KeyBearer
from walkwire.server.http.answers import (
    Answer,
    Detail,
    Fault,
    Refusal,
    RunWalker,
    WalkerAnswer,
    WalkerAnswerWithReturns,
    WalkerId,
)
from walkwire.server.http.bearer import Bearer
from walkwire.server.http.cors import Cors
from walkwire.server.http.walkers.reports import Reports
from walkwire.server.http.walkers.request import KeyParameter, NodeParameter, Shape, parameter, shape_of
from walkwire.server.http.walkers.router import QueryRoute, WalkerRoute, WalkerRoutes
from walkwire.server.http.walkers.shortcut import QuickRoute, Shortcut
from walkwire.store import WebhookKey
from walkwire.walk.walker.printed import Schema
from walkwire.walk.walker.specs import TAGS, Specs, specs_of

PREFIX = "/walker/"
WEBHOOK_PREFIX = "/webhook/walker/"

_log = logging.getLogger(__name__)


class WalkerPath(NamedTuple):
    """A path of a walker. One that is not listed is served but absent from the description."""

    url: str
    at_node: bool
    is_listed: bool = True


class Walkers:
    """The walkers of a program over REST.

    - run: runs a walker
    - accounts: identify the callers
    - classes: the walkers, by name
    - with_returns: whether answers show what abilities returned
    """

    def __init__(
        self,
        run: RunWalker,
        accounts: Accounts,
        classes: Mapping[str, type],
        *,
        with_returns: bool = False,
    ) -> None:
        self.run = run
        self._classes = classes
        self._bearer = Bearer(accounts.auth)
        self._webhooks = accounts.webhooks
        self._model = WalkerAnswerWithReturns if with_returns else WalkerAnswer
        self.reports = Reports(with_returns=with_returns)
        self._routes_under = {prefix: WalkerRoutes(prefix) for prefix in (PREFIX, WEBHOOK_PREFIX)}

    @property
    def have_webhooks(self) -> bool:
        """Return whether a walker is called by webhook keys."""
        return any(specs_of(walker).webhook is not None for walker in self._classes.values())

    def serve(self, api: FastAPI, on_change: Callable[[], None]) -> None:
        """Add the routes of all walkers behind those that `api` has. Call it once. Raises StartError.

        `on_change` is called whenever routes were added or replaced.
        """
        self._api = api
        self._on_change = on_change
        api.router.routes += self._routes_under.values()
        for name, walker in self._classes.items():
            self.add(name, walker)

    def add(self, name: str, walker: type) -> None:
        """Add a walker's routes, in place of those of an earlier walker with its name. Raises StartError."""
        answer = self.reports.answer_of(walker)
        routes = self._api.router.routes
        routes[:] = [route for route in routes if getattr(route, "walker", None) != name]
        taken = {
            (method, getattr(route, "path", ""))
            for route in routes
            for method in getattr(route, "methods", None) or ()
        }
        exposure = _Exposure(
            name,
            walker,
            walk=self.run,
            bearer=self._bearer,
            webhooks=self._webhooks,
            model=self._model,
            answer=answer,
        )
        made = list(exposure.routes(taken))
        for prefix, under in self._routes_under.items():
            under.put(name, [route for route in made if route.path.startswith(prefix)])
        fixed = [route for route in made if not route.path.startswith((*self._routes_under, "/{"))]
        at = routes.index(self._routes_under[PREFIX])
        routes[at:at] = fixed
        routes += [route for route in made if route not in fixed]
        before = routes[: routes.index(self._routes_under[PREFIX])]
        self._routes_under[PREFIX].is_shadowed = any(
            _may_take(getattr(route, "path", ""), PREFIX) for route in before
        )
        self._on_change()

    def shortcut(self, app: ASGIApp, cors: Cors) -> ASGIApp:
        """Return `app` with a shortcut to the walkers in front of it. Call it after `serve`."""
        state = self._api.state
        return Shortcut(
            app, cors, self._routes_under[PREFIX].quick_route, (state.body_limit, state.element_limit)
        )


def places_of(name: str, specs: Specs) -> list[WalkerPath]:
    """Return the paths of a walker.

    A path in the specs that begins with "/" is absolute. Jac Cloud 0.1 put the node before it, as before others: the walker
    is served there too, unlisted.
    """
    prefix = prefix_of(specs)
    if not specs.path:
        found = [WalkerPath(f"{prefix}{name}", False), WalkerPath(f"{prefix}{name}/{{node}}", True)]
    else:
        is_absolute = specs.path.startswith("/")
        under = f"{prefix}{name}/{specs.path.strip('/')}"
        found = [
            WalkerPath(f"{prefix}{name}/{{node:reference}}/{specs.path.strip('/')}", True, False),
            WalkerPath(under, False, not is_absolute),
            WalkerPath(f"{under}/{{node}}", True, not is_absolute),
        ]
        if is_absolute:
            top = specs.path.rstrip("/")
            found = [WalkerPath(specs.path, False), WalkerPath(f"{top}/{{node}}", True), *found]
    unwanted = {"ROOT": True, "NODE": False}.get(specs.entry_type)
    return [place for place in found if place.at_node is not unwanted]


def prefix_of(specs: Specs) -> str:
    """Return the prefix under which such a walker is served by its name."""
    return PREFIX if specs.webhook is None else WEBHOOK_PREFIX


class _Exposure:
    """One walker over REST."""

    def __init__(
        self,
        name: str,
        walker: type,
        *,
        walk: RunWalker,
        bearer: Bearer,
        webhooks: Webhooks,
        model: type[BaseModel],
        answer: Schema | None,
    ) -> None:
        self._name = name
        self._walker = walker
        self._walk = walk
        self._bearer = bearer
        self._webhooks = webhooks
        self._specs = specs_of(walker)
        self._answer = answer
        self._model = WalkerId if getattr(walker, "__jac_async__", False) else model

    def routes(self, taken: Container[tuple[str, str]]) -> Iterator[WalkerRoute]:
        """Yield a route for each method and path that is not `taken`. Raises StartError."""
        if not self._specs.http_methods:
            return
        methods = self._specs.http_methods
        shapes = {method: shape_of(self._walker, self._specs, method) for method in methods}
        for place in self._places(taken):
            if place.at_node and "node" in self._specs.path_fields:
                raise StartError(f"Walker {self._name}, specs: 'path' holds {{node}}, where a walk enters")
            for method in methods:
                shape = shapes[method]
                made = self._route(method, place, self._endpoint(shape, place.at_node))
                made.quick_route = self._quick_route(shape, place)
                yield made

    def _places(self, taken: Container[tuple[str, str]]) -> list[WalkerPath]:
        """Return the free paths. If an absolute one is taken, log it: the walker is served under its own name only."""
        places = places_of(self._name, self._specs)
        methods = [method.upper() for method in self._specs.http_methods]
        free = [place for place in places if not any((method, place.url) in taken for method in methods)]
        if len(free) == len(places):
            return places
        own = [
            place._replace(is_listed=True) for place in free if place.url.startswith(prefix_of(self._specs))
        ]
        lost = ", ".join(place.url for place in places if place not in free)
        found = ", ".join(place.url for place in own)
        _log.warning("Walker %s is not at %s, which is taken already; it is at %s", self._name, lost, found)
        return own

    def _endpoint(self, shape: Shape, at_node: bool) -> Callable[..., Any]:
        walk, walker = self._walk, self._walker

        async def endpoint(**given: Any) -> Response:
            caller: Caller = given.get("caller", PUBLIC)
            values, node = shape.values(given), given.get("node")
            return _as_response(
                await walk(walker, values, caller.root_id, node, key=given["idempotency_key"])
            )

        async def endpoint_by_key(**given: Any) -> Response:
            key: WebhookKey = given["key"]
            if key.walkers and walker.__name__ not in key.walkers:
                raise HTTPException(403, "Forbidden")
            kinds = frozenset(key.nodes) if key.nodes else None
            values, node = shape.values(given), given.get("node")
            try:
                return _as_response(
                    await walk(walker, values, key.root_id, node, kinds, given["idempotency_key"])
                )
            except Refused:
                raise HTTPException(403, "Forbidden") from None

        chosen = endpoint_by_key if self._specs.webhook and self._specs.auth else endpoint
        parameters = [*shape.parameters, *self._who(), parameter("idempotency_key", KeyParameter, None)]
        if at_node:
            parameters.append(parameter("node", NodeParameter))
        chosen.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # FastAPI reads it
        return chosen

    def _quick_route(self, shape: Shape, place: WalkerPath) -> QuickRoute | None:
        """Return what answers usual requests; None unless only JSON carries fields."""
        if not shape.is_plain or self._specs.webhook is not None or self._specs.path:
            return None
        walk, walker = self._walk, self._walker

        def run(
            values: dict[str, Any], caller: Caller, node: str | None, key: str | None
        ) -> Coroutine[Any, Any, Answer]:
            return walk(walker, values, caller.root_id, node, key=key)

        return QuickRoute(shape.body, self._bearer if self._specs.auth else None, run, _as_response)

    def _who(self) -> Iterator[inspect.Parameter]:
        """Yield the parameters that identify the caller."""
        webhook = self._specs.webhook
        if webhook is not None and webhook.place == "path":
            yield parameter("path_key", Annotated[str, Path(alias=webhook.name, description="The key")])
        if not self._specs.auth:
            return
        if webhook is None:
            yield parameter("caller", Annotated[Caller, Security(self._bearer)])
        else:
            yield parameter("key", Annotated[WebhookKey, Security(KeyBearer(self._webhooks, webhook))])

    def _route(self, method: str, place: WalkerPath, endpoint: Callable[..., Any]) -> WalkerRoute:
        name, specs = self._name, self._specs
        tags = ["Webhook Walker APIs"] if specs.webhook is not None and specs.tags == TAGS else specs.tags
        try:
            made = (QueryRoute if method == "get" else WalkerRoute)(
                place.url,
                endpoint,
                methods=[method.upper()],
                name=specs.name or name,
                operation_id=f"{method}_{name}_at_node" if place.at_node else f"{method}_{name}",
                tags=list(tags),
                summary=specs.summary or (f"{name}, from a node" if place.at_node else name),
                description=specs.description or _described(self._walker),
                response_model=self._model if specs.response_model is None else specs.response_model,
                status_code=specs.status_code,
                response_description=specs.response_description,
                responses=_responses(specs),
                deprecated=specs.deprecated,
                include_in_schema=specs.include_in_schema and place.is_listed,
                openapi_extra=self._extra(),
            )
            if (specs.response_model, specs.status_code, specs.responses) != (None, None, None):
                made.described()  # what the program says of its answers is read at the start, too
        except AssertionError as error:  # FastAPI cannot read a field of this type there
            raise StartError(f"Walker {name} cannot be served at {place.url}: {error}") from None
        made.walker = name
        return made

    def _extra(self) -> dict[str, Any] | None:
        """Return what is added to the description of a route: the schema of the answer, if the program gives no other."""
        specs = self._specs
        extra = dict(specs.openapi_extra or {})
        if self._answer is not None and specs.response_model is None and "responses" not in extra:
            content = {"application/json": {"schema": self._answer}}
            extra["responses"] = {str(specs.status_code or 200): {"content": content}}
        return extra or None


def _may_take(path: str, prefix: str) -> bool:
    """Return whether a route with this path might match a path that begins with `prefix`."""
    fixed, brace, _ = path.partition("{")
    return bool(brace) and (prefix.startswith(fixed) or fixed.startswith(prefix))


def _as_response(answer: Answer) -> Response:
    if isinstance(answer.response, Response):
        return answer.response
    if not 200 <= answer.status <= 599:
        raise ValueError(f"The walker set the status {answer.status}, with which no answer can end")
    if answer.status in (204, 304):  # RFC 9110 §6.4.1: these have no content
        return Response(status_code=answer.status)
    return Response(answer.body, answer.status, media_type="application/json")


def _described(walker: type) -> str | None:
    doc = walker.__doc__
    is_made = doc is None or doc.startswith(f"{walker.__name__}(")  # by the dataclass
    return None if is_made else inspect.getdoc(walker)


def _responses(specs: Specs) -> dict[int | str, dict[str, Any]]:
    not_let_in = Refusal | Detail if specs.auth else Refusal
    told: dict[int | str, dict[str, Any]] = {
        400: {"model": Refusal, "description": "Refused by the walker, or a bad reference"},
        403: {"model": not_let_in, "description": "Not signed in, or no access"},
        409: {
            "model": Refusal,
            "description": "Others changed the same data at the same time, or the key was used and its answer not kept",
        },
        500: {"model": Fault, "description": "A fault, with a reference into the server's log"},
        503: {"model": Refusal, "description": "Busy: try again after the seconds of `Retry-After`"},
        504: {"model": Refusal, "description": "The walk took too long"},
    }
    if specs.auth:
        told[401] = {"model": Detail, "description": "A token that is bad, over or ended"}
    own = {int(key) if str(key).isdecimal() else key: value for key, value in (specs.responses or {}).items()}
    return dict(sorted((told | own).items(), key=lambda item: str(item[0])))
