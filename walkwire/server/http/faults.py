"""Faults: answers exceptions over REST, in the form of `docs/protocol.md`, "REST".

A fault of walkwire or of the program is answered with a reference only. The log has the traceback under that reference.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticSerializationError, to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from walkwire.errors import BadEvent, Internal, PublicError
from walkwire.wire.message.frame import LONGEST_ECHO

RETRY_SECONDS = {429: 1, 503: 1}

_SECRET_WORDS = ("password", "token", "secret")
_ANSWERED = "walkwire.answered"

_Answer = Callable[[Request, Exception], Awaitable[Response]]

_log = logging.getLogger(__name__)


class Guard:
    """Swallow exceptions that are answered already. FastAPI raises them again, and uvicorn would log them a second time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            if not scope.get(_ANSWERED):
                raise


def add_error_handlers(api: FastAPI, on_refusal: Callable[[PublicError], None] | None = None) -> None:
    """Answer every exception in the form of the protocol. `on_refusal` is called with each error that a client is sent."""
    for kind, answer in (
        (PublicError, _public_error),
        (RequestValidationError, _bad_request),
        (Exception, _fault),
    ):
        api.add_exception_handler(kind, answer if on_refusal is None else _reported(answer, on_refusal))


def _reported(answer: _Answer, on_refusal: Callable[[PublicError], None]) -> _Answer:
    async def report(request: Request, error: Exception) -> Response:
        match error:
            case PublicError():
                on_refusal(error)
            case RequestValidationError():
                on_refusal(BadEvent(""))
            case _:
                on_refusal(Internal())
        return await answer(request, error)

    return report


async def _public_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PublicError)
    if isinstance(error, Internal):
        return _json({"errors": [error.message]}, 500)
    if isinstance(error, BadEvent) and error.details is not None:
        return _validation(error.details)
    status = error.status if 400 <= error.status <= 599 else 400
    return _json({"detail": {"error": error.message}}, status)


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _validation(error.errors())


async def _fault(request: Request, error: Exception) -> Response:
    told = Internal()
    _log.error("%s: %s %s", told.message, request.method, _place(request), exc_info=error)
    request.scope[_ANSWERED] = True
    return _json({"errors": [told.message]}, 500)


def _place(request: Request) -> str:
    """Return the path of the route, with the names of its parameters: their values may be keys."""
    path: str = getattr(request.scope.get("route"), "path", "an unknown path")
    return path


def _validation(errors: Sequence[Any]) -> Response:
    details = [_plain(dict(error)) for error in errors]
    response = _json({"detail": details}, 422)
    if len(response.body) > LONGEST_ECHO:
        response = _json({"detail": [detail | {"input": None} for detail in details]}, 422)
    return response


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    """Return one error in pydantic's form: without url, with secrets masked, and with `ctx` as text."""
    detail.pop("url", None)
    if "input" in detail:
        detail["input"] = _masked(detail["input"], str(detail["loc"][-1]) if detail.get("loc") else "")
    if detail.get("ctx"):
        detail["ctx"] = {
            key: str(value) if isinstance(value, Exception) else value for key, value in detail["ctx"].items()
        }
    return detail


def _masked(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _masked(one, str(key)) for key, one in value.items()}
    is_secret = isinstance(value, str) and any(word in name.lower() for word in _SECRET_WORDS)
    return "**********" if is_secret else value


def _json(content: Any, status: int) -> Response:
    retry = RETRY_SECONDS.get(status)
    headers = {"Retry-After": str(retry)} if retry else None
    return Response(_encode(content), status, headers, "application/json")


def _encode(content: Any) -> bytes:
    try:
        return to_json(content, inf_nan_mode="null", fallback=_named)
    except (PydanticSerializationError, UnicodeError):  # bytes or strings that are not UTF-8
        details = [detail | {"input": None} for detail in content["detail"]]
        return to_json({"detail": details}, inf_nan_mode="null", fallback=_named)


def _named(value: object) -> str:
    return type(value).__name__
