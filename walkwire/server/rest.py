"""REST: each walker that lists HTTP methods, at the paths of its specs, described in OpenAPI as it is."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Protocol

from fastapi import FastAPI, HTTPException, Response, Security
from pydantic import BaseModel, Field
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from walkwire.account.auth import PUBLIC, Auth, Caller
from walkwire.errors import StartError
from walkwire.server.bearer import Bearer
from walkwire.server.request import Node, Shape, parameter, shape_of
from walkwire.server.route import Route
from walkwire.walk.specs import Specs, specs_of

PREFIX = "/walker/"

_log = logging.getLogger(__name__)


class Answer(Protocol):
    """What a walk gives: status and ready JSON, or the response that the program put in place of both."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def response(self) -> Any: ...


class Walk(Protocol):
    """Runs a walker with these values of its fields as this root, from a node or (None) the root itself. Raises PublicError."""

    def __call__(
        self, walker: type, values: dict[str, Any], root_id: str, node: str | None
    ) -> Coroutine[Any, Any, Answer]: ...


class WalkerAnswer(BaseModel):
    """What a walker answers."""

    status: int = 200
    reports: list[Any] = Field(description="What the walker reported, in order.")


class Detail(BaseModel):
    """Why the request was not taken."""

    detail: str


class Reason(BaseModel):
    """A sentence for people."""

    error: str


class Refusal(BaseModel):
    """Why the walk did not happen."""

    detail: Reason


class Fault(BaseModel):
    """A fault of the program or the server, with a reference into its log."""

    errors: list[str]


class Place(NamedTuple):
    """A URL at which a walker is found. An unlisted one is served, but not described."""

    url: str
    at_node: bool
    is_listed: bool = True


def serve_walkers(api: FastAPI, walkers: Mapping[str, type], walk: Walk, auth: Auth) -> None:
    """Add the routes of all walkers. Raises StartError where specs do not fit the fields."""
    bearer = Bearer(auth)
    taken = {(method, path) for path, methods in _routes(api) for method in methods}
    made: list[Route] = []
    for name, walker in walkers.items():
        made += _Exposure(name, walker, walk, bearer).routes(taken)
        taken |= {(method, route.path) for route in made for method in route.methods or ()}
    usual = [route for route in made if route.path.startswith(PREFIX)]
    api.router.routes += [_Lane(usual), *usual, *(route for route in made if route not in usual)]


def places_of(name: str, specs: Specs) -> list[Place]:
    """Where a walker is found.

    A path with a leading "/" is meant from the top. Jac Cloud took it as one without, so it is found there too, unlisted.
    """
    is_absolute = specs.path.startswith("/")
    under = f"/{specs.path.lstrip('/')}" if specs.path else ""
    found = [Place(f"{PREFIX}{name}{under}", False, not is_absolute)]
    found.append(Place(f"{PREFIX}{name}/{{node}}{under}", True, not is_absolute))
    if is_absolute:
        found = [Place(specs.path, False), Place(f"{specs.path.rstrip('/')}/{{node}}", True), *found]
    unwanted = {"ROOT": True, "NODE": False}.get(specs.entry_type)
    return [place for place in found if place.at_node is not unwanted]


def _routes(api: FastAPI) -> Iterable[tuple[str, Iterable[str]]]:
    for route in api.routes:
        yield getattr(route, "path", ""), getattr(route, "methods", None) or ()


class _Exposure:
    """One walker over REST."""

    def __init__(self, name: str, walker: type, walk: Walk, bearer: Bearer) -> None:
        self._name = name
        self._walker = walker
        self._walk = walk
        self._bearer = bearer
        self._specs = specs_of(walker)

    def routes(self, taken: Container[tuple[str, str]]) -> Iterator[Route]:
        """One for each method and place that nobody has `taken`. Raises StartError."""
        if not self._specs.http_methods:
            return
        shape = shape_of(self._walker, self._specs)
        for place in self._places(taken):
            if place.at_node and "node" in self._specs.path_fields:
                raise StartError(f"Walker {self._name}, specs: 'path' holds {{node}}, where a walk enters")
            endpoint = self._endpoint(shape, place.at_node)
            for method in self._specs.http_methods:
                yield self._route(method, place, endpoint)

    def _places(self, taken: Container[tuple[str, str]]) -> list[Place]:
        """Where it is found. A path from the top that is another's already leaves the place under its own name."""
        places = places_of(self._name, self._specs)
        methods = [method.upper() for method in self._specs.http_methods]
        free = [place for place in places if not any((method, place.url) in taken for method in methods)]
        if len(free) == len(places):
            return places
        own = [place._replace(is_listed=True) for place in free if place.url.startswith(PREFIX)]
        lost = ", ".join(place.url for place in places if place not in free)
        found = ", ".join(place.url for place in own)
        _log.warning("Walker %s is not at %s, which is taken already; it is at %s", self._name, lost, found)
        return own

    def _endpoint(self, shape: Shape, at_node: bool) -> Callable[..., Any]:
        walk, walker = self._walk, self._walker

        async def endpoint(**given: Any) -> Response:
            caller: Caller = given.get("caller", PUBLIC)
            answer = await walk(walker, shape.values(given), caller.root_id, given.get("node"))
            return answer.response if isinstance(answer.response, Response) else _response(answer)

        parameters = list(shape.parameters)
        if self._specs.auth:
            parameters.append(parameter("caller", Annotated[Caller, Security(self._bearer)]))
        if at_node:
            parameters.append(parameter("node", Node))
        endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # FastAPI reads it
        return endpoint

    def _route(self, method: str, place: Place, endpoint: Callable[..., Any]) -> Route:
        name, specs = self._name, self._specs
        try:
            return Route(
                place.url,
                endpoint,
                methods=[method.upper()],
                name=specs.name or name,
                operation_id=f"{method}_{name}_at_node" if place.at_node else f"{method}_{name}",
                tags=list(specs.tags),
                summary=specs.summary or (f"{name}, from a node" if place.at_node else name),
                description=specs.description or _described(self._walker),
                response_model=WalkerAnswer if specs.response_model is None else specs.response_model,
                status_code=specs.status_code,
                response_description=specs.response_description,
                responses=_responses(specs),
                deprecated=specs.deprecated,
                include_in_schema=specs.include_in_schema and place.is_listed,
                openapi_extra=dict(specs.openapi_extra) if specs.openapi_extra else None,
            )
        except AssertionError as error:  # FastAPI's word for a field that cannot travel in its place
            raise StartError(f"Walker {name} cannot be served at {place.url}: {error}") from None


def _response(answer: Answer) -> Response:
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
        409: {"model": Refusal, "description": "Others changed the same data at the same time"},
        500: {"model": Fault, "description": "A fault, with a reference into the server's log"},
        503: {"model": Refusal, "description": "Busy: try again after the seconds of `Retry-After`"},
        504: {"model": Refusal, "description": "The walk took too long"},
    }
    if specs.auth:
        told[401] = {"model": Detail, "description": "A token that is bad, over or ended"}
    own = {int(key) if str(key).isdecimal() else key: value for key, value in (specs.responses or {}).items()}
    return dict(sorted((told | own).items(), key=lambda item: str(item[0])))


class _Lane(BaseRoute):
    """Finds a walker's routes by its name, where a list of all would be searched from its beginning."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[str, list[Route]] = {}
        for route in routes:
            self._routes.setdefault(_name_in(route.path), []).append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return Match.NONE, {}
        allowed: list[str] = []
        for route in self._routes.get(_name_in(scope["path"]), ()):
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, child
            if match is Match.PARTIAL:
                allowed += route.methods or ()
        return (Match.PARTIAL, {"walkwire.allowed": allowed}) if allowed else (Match.NONE, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = scope.get("walkwire.allowed")
        if allowed is not None:
            raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
        await scope["route"].handle(scope, receive, send)


def _name_in(path: str) -> str:
    return path[len(PREFIX) :].partition("/")[0]
