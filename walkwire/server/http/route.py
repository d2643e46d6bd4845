"""Route: FastAPI's route with stricter JSON: the same rules as on the socket, and bounds on what a request costs to read."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Annotated, Any

from fastapi import HTTPException, Request, Response
from fastapi.params import Form
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError
from starlette.datastructures import FormData

from walkwire.errors import BadEvent, PublicError, TooLarge
from walkwire.server.http.form import PART_LIMIT, Forms, OpenForm
from walkwire.wire.message import elements, text
from walkwire.wire.message.bounds import MOST_TOLD, TOLD
from walkwire.wire.message.lenient import TOO_MANY

# Of the request that is read in this task: the validation of a body does not know the request.
_size: ContextVar[int] = ContextVar("size", default=0)  # bytes of its JSON
_elements: ContextVar[int] = ContextVar("elements", default=0)  # how many values that may hold


class Route(APIRoute):
    """A route that checks JSON as the socket does: UTF-8, bounded depth, digits and number of values, no lone surrogates.

    The application's state has the bounds: `body_limit` bytes of JSON (TooLarge beyond), `element_limit` values in it, `forms`
    for uploaded files. Before a form is read, the caller is identified: who may not call costs no disk.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        signature = inspect.signature(endpoint)
        parameters = [_telling_few(parameter) for parameter in signature.parameters.values()]
        endpoint.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, given a request that checks its own JSON."""
        handle = super().get_route_handler()
        takes_form = self.body_field is not None and isinstance(self.body_field.field_info, Form)
        calls: list[Any] = [one.call for one in self.dependant.dependencies]
        identifying: list[Any] = [call for call in calls if takes_form and isinstance(call, SecurityBase)]

        async def handle_strictly(request: Request) -> Response:
            strict = _StrictRequest(request.scope, request.receive)
            for identify in identifying:
                await identify(strict)
            try:
                return await handle(strict)
            except _Carrier as carrier:
                raise carrier.error from None
            finally:
                if strict.open_form is not None:
                    strict.open_form.close()

        return handle_strictly


class _Carrier(HTTPException):
    """Carries an error through FastAPI, which replaces any other exception while a body is read."""

    def __init__(self, error: PublicError) -> None:
        super().__init__(error.status, error.message)
        self.error = error


class _StrictRequest(Request):
    open_form: OpenForm | None = None

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            parts, size, limit = [], 0, self.app.state.body_limit
            async for part in self.stream():
                parts.append(part)
                size += len(part)
                if size > limit:
                    raise _Carrier(TooLarge(f"The body has at most {limit} bytes"))
            self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        body = await self.body()
        _size.set(len(body))
        try:
            return strict_json(body, self.app.state.element_limit)
        except TooLarge as error:
            raise _Carrier(error) from None

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]  # FastAPI awaits it
        forms: Forms = self.app.state.forms
        _elements.set(self.app.state.element_limit)
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "multipart/form-data":
            await self.body() if kind == "application/x-www-form-urlencoded" else None
            self._form = await super().form(max_fields=forms.limits.parts, max_part_size=PART_LIMIT)
            return self._form
        self.open_form = forms.open()
        try:
            self._form = await self.open_form.read(self.headers, self.stream())
        except PublicError as error:
            raise _Carrier(error) from None
        return self._form


def strict_json(body: bytes, limit: int) -> Any:
    """Return the value of a JSON text. Raises json.JSONDecodeError, which FastAPI answers with 422, and TooLarge.

    - limit: values in it, those in lists and objects included
    """
    if len(body) > limit:
        elements.check(body, limit)
    try:
        text.check(body)
        return text.loads(body)
    except BadEvent as error:
        what, _, at = error.message.removeprefix("Invalid JSON: ").partition(", at byte ")
        refused = json.JSONDecodeError(what, "", 0)
        refused.pos = int(at or 0)
        raise refused from None


def part_json(text: bytes) -> Any:
    """Return the value of a JSON text that is a part of a form. Raises as `strict_json`."""
    _size.set(len(text))
    return strict_json(text, _elements.get())


def tell_few(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Validate, and replace many errors by their number: FastAPI would copy and answer all, and there may be millions."""
    try:
        return read(value)
    except ValidationError as error:
        count = error.error_count()
        if count <= TOLD and count * _size.get() <= MOST_TOLD:
            raise
        raise PydanticCustomError(TOO_MANY, "{count} values are wrong", {"count": count}) from None


def _telling_few(parameter: inspect.Parameter) -> inspect.Parameter:
    model = parameter.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return parameter
    return parameter.replace(annotation=Annotated[model, WrapValidator(tell_few)])
