"""Route: FastAPI's route with stricter JSON: the same rules as on the socket, and bounds on what a request costs to read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError
from starlette import routing
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from walkwire.errors import BadEvent, PublicError, TooLarge
from walkwire.server.http.gone import disconnecting
from walkwire.wire.message import elements, text
from walkwire.wire.message.aside import aside
from walkwire.wire.message.bounds import LONG, MOST_TOLD, TOLD
from walkwire.wire.message.lenient import TOO_MANY

_size: ContextVar[int] = ContextVar("size", default=0)  # bytes of the JSON whose values this task validates


class Carrier(HTTPException):
    """Carries an error through FastAPI, which replaces any other exception while a body is read."""

    def __init__(self, error: PublicError) -> None:
        super().__init__(error.status, error.message)
        self.error = error


class Checked:
    """What came of a value that was validated in a thread. It takes the value's place, and `tell_few` unpacks it.

    - given: the value
    - size: bytes of the JSON
    - validate: returns the result for the value, or raises. Called at once
    """

    def __init__(self, given: Any, size: int, validate: Callable[[Any], Any]) -> None:
        self.given = given
        self.size = size
        self._result: Any = None
        self._error: Exception | None = None
        try:
            self._result = validate(given)
        except ValidationError as error:
            self._error = error.with_traceback(None)  # which would refer to us, and so to all of the body
        except Exception as error:  # a fault of a program's validator
            self._error = error

    def result(self) -> Any:
        """Return the result, or raise the error. Called once: the error, whose traceback refers to us, is kept no longer."""
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error


class StrictRequest(Request):
    """A request that checks its own JSON. Raises Carrier.

    - model: of the body; None: the body has no model of its own
    """

    model: type[BaseModel] | None = None

    async def body(self) -> bytes:
        """Return the body. Raises Carrier with TooLarge, and HTTPException, which nobody hears, if the client disconnects."""
        if not hasattr(self, "_body"):
            parts, size, limit = [], 0, self.app.state.body_limit
            with disconnecting():
                async for part in self.stream():
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        raise Carrier(TooLarge(f"The body has at most {limit} bytes"))
            self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        """Return the value of the body: of a long one that has a model, a `Checked`. Raises as `strict_json`, with TooLarge in a
        Carrier."""
        body, limit = await self.body(), self.app.state.element_limit
        try:
            if len(body) <= LONG:
                return strict_json(body, limit)
            _size.set(len(body))  # what the thread sets does not come back
            return await aside(_read, body, limit, self.model)
        except TooLarge as error:
            raise Carrier(error) from None


class Route(APIRoute):
    """A route that checks JSON as the socket does: UTF-8, bounded depth, digits and number of values, no lone surrogates.

    The application's state has the bounds: `body_limit` bytes of JSON, and `element_limit` values in it. Beyond them: TooLarge.

    An endpoint returns a `Response`. So only the description of the API needs the models of answers (`response_model`,
    `responses`), and `described` makes them: they would be most of the time that a server needs to start.

    - request_class: reads the request for FastAPI
    """

    request_class: type[StrictRequest] = StrictRequest

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        response_model: Any = None,
        responses: dict[int | str, dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        signature = inspect.signature(endpoint)
        parameters = [_telling_few(parameter) for parameter in signature.parameters.values()]
        endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        super().__init__(path, endpoint, response_model=None, **options)
        answers = {"response_model": response_model, "responses": responses}
        self._describe = partial(APIRoute, path, endpoint, **answers, **options)

    def described(self) -> APIRoute:
        """Return the route with the models of its answers, for the description. Raises AssertionError if one does not fit."""
        return self._describe()

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given a request that checks its own JSON."""
        handle = super().get_route_handler()
        make, model = self.request_class, self._model()

        async def handle_strictly(request: Request) -> Response:
            strict = make(request.scope, request.receive)
            strict.model = model
            try:
                return await handle(strict)
            except Carrier as carrier:
                raise carrier.error from None
            except RequestValidationError as error:
                # FastAPI's frame refers to the error and to the request, and the tracebacks of both errors to the frame.
                error.__context__ = None
                raise error.with_traceback(None) from None

        return handle_strictly

    def _model(self) -> type[BaseModel] | None:
        """Return the model of the body, None unless the body is one field whose errors `tell_few` counts."""
        field = self.body_field
        if field is None or not any(field is parameter for parameter in self.dependant.body_params):
            return None
        model, metadata = field.field_info.annotation, field.field_info.metadata
        tells_few = any(isinstance(one, WrapValidator) and one.func is tell_few for one in metadata)
        return model if tells_few and isinstance(model, type) and issubclass(model, BaseModel) else None


class FixedRoute(routing.Route):
    """A route of walkwire's own: `Route` reads its endpoint when it is asked for, not at the start. Takes what `Route` takes."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, methods: Collection[str], **options: Any
    ) -> None:
        super().__init__(path, endpoint, methods=methods)
        self.methods = {*methods}  # Starlette would answer HEAD, too
        self.app = self._answer
        self._make = partial(Route, path, endpoint, methods=[*methods], **options)
        self._made: Route | None = None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether this route answers a request, and what its scope gets: `route`, as in routes of FastAPI."""
        match, child = super().matches(scope)
        return match, {**child, "route": self} if child else child

    def described(self) -> APIRoute:
        """Return the route for the description."""
        return self._route().described()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._route().app(scope, receive, send)

    def _route(self) -> Route:
        if self._made is None:
            self._made = self._make()
        return self._made


def strict_json(body: bytes, limit: int) -> Any:
    """Return the value of a JSON text. Raises json.JSONDecodeError, which FastAPI answers with 422, and TooLarge.

    - limit: values in it, those in lists and objects included
    """
    if len(body) > limit:
        elements.check(body, limit)
    _size.set(len(body))
    try:
        text.check(body)
        return text.loads(body)
    except BadEvent as error:
        raise _refused(error.message) from None


def _refused(message: str) -> json.JSONDecodeError:
    what, _, at = message.removeprefix("Invalid JSON: ").partition(", at byte ")
    refused = json.JSONDecodeError(what, "", 0)
    refused.pos = int(at or 0)
    return refused


def tell_few(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Validate, and replace many errors by their number: FastAPI would copy and answer all, and there may be millions."""
    checked = value if isinstance(value, Checked) else None
    try:
        return read(value) if checked is None else checked.result()
    except ValidationError as error:
        count = error.error_count()
        if count <= TOLD and count * (_size.get() if checked is None else checked.size) <= MOST_TOLD:
            _forget_frames(error)
            raise
        few = PydanticCustomError(TOO_MANY, "{count} values are wrong", {"count": count})
        given = value if checked is None else checked.given
        raise ValidationError.from_exception_data(
            error.title, [InitErrorDetails(type=few, input=given)]
        ) from None


def _forget_frames(error: ValidationError) -> None:
    """Let errors that validators raised refer to no frames: those refer to the request, and FastAPI's to the errors again."""
    for detail in error.errors(include_url=False, include_input=False):
        raised = detail.get("ctx", {}).get("error")
        while isinstance(raised, BaseException):
            raised.__traceback__ = None
            raised = raised.__cause__ or raised.__context__


def _read(body: bytes, limit: int, model: type[BaseModel] | None) -> Any:
    """Read a long text, in a thread."""
    value = strict_json(body, limit)
    if model is None or value is None:  # FastAPI treats null as no body
        return value
    validate = model.__pydantic_validator__.validate_python
    return Checked(value, len(body), partial(validate, from_attributes=True))


def _telling_few(parameter: inspect.Parameter) -> inspect.Parameter:
    model = parameter.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return parameter
    return parameter.replace(annotation=Annotated[model, WrapValidator(tell_few)])
