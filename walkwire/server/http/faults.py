"""Faults: answers exceptions over REST, in the form of `docs/protocol.md`, "REST".

A fault of walkwire or of the program is answered with a reference only. The log has the traceback under that reference.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from math import ceil
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticSerializationError, to_json
from starlette.types import ASGIApp, Receive, Scope, Send

from walkwire.errors import BadEvent, Internal, Limited, PublicError
from walkwire.wire.message.bounds import LONGEST_ECHO, TOLD
from walkwire.wire.message.lenient import TOO_MANY

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
                on_refusal(BadEvent(_first_of(error.errors())))
            case _:
                on_refusal(Internal())
        return await answer(request, error)

    return report


def _first_of(errors: Sequence[Any]) -> str:
    """Return where the first problem is, and what it is."""
    return ": ".join(str(part) for error in errors[:1] for part in (*error["loc"][1:], error["msg"]))[
        :LONGEST_ECHO
    ]


async def _public_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PublicError)
    return refusal(error)


def refusal(error: PublicError) -> Response:
    """Return the answer that tells a client of an error."""
    if isinstance(error, Internal):
        return _json(_fault_of(error), 500)
    if isinstance(error, BadEvent) and error.details is not None:
        return _validation(error.details)
    status = error.status if 400 <= error.status <= 599 else 400
    retry_in = error.retry_in if isinstance(error, Limited) else None
    return _json({"detail": {"error": error.message}}, status, retry_in and ceil(retry_in / 1000))


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _validation(error.errors())


async def _fault(request: Request, error: Exception) -> Response:
    told = Internal(error)
    _log.error("%s: %s %s", told.message, request.method, _place(request), exc_info=error)
    request.scope[_ANSWERED] = True
    return _json(_fault_of(told), 500)


def _fault_of(told: Internal) -> dict[str, Any]:
    """Return the body for a fault. The field `development` is there under `walkwire dev` only."""
    shown = {} if told.shown is None else {"development": told.shown}
    return {"errors": [told.message], **shown}


def _place(request: Request) -> str:
    """Return the path of the route, with the names of its parameters: their values may be keys."""
    path: str = getattr(request.scope.get("route"), "path", "an unknown path")
    return path


def _validation(errors: Sequence[Any]) -> Response:
    """Return an answer of LONGEST_ECHO bytes at most: with the inputs, or else without, or else with the number of errors only.

    Each error is encoded by itself, until they are too long: a hundred may have the whole body as their input each.
    """
    told = None
    if len(errors) <= TOLD:
        told = _told(errors) or _told([error | {"input": None} for error in errors])
    if told is None:
        message = f"{len(errors)} values are wrong"
        told = to_json([{"type": TOO_MANY, "loc": ["body"], "msg": message, "input": None}])
    return Response(b'{"detail":%s}' % told, 422, media_type="application/json")


def _told(errors: Sequence[Any]) -> bytes | None:
    """Return the errors as JSON. None if they are too long, or have an input without a JSON form."""
    parts: list[bytes] = []
    left = LONGEST_ECHO
    try:
        for error in errors:
            parts.append(to_json(_plain(dict(error)), inf_nan_mode="null", fallback=_named))
            left -= len(parts[-1]) + 1
            if left < 0:
                return None
    except (PydanticSerializationError, UnicodeError):  # bytes or strings that are not UTF-8
        return None
    return b"[%s]" % b",".join(parts)


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


def _json(content: Any, status: int, retry_after: int | None = None) -> Response:
    retry = retry_after or RETRY_SECONDS.get(status)
    headers = {"Retry-After": str(retry)} if retry else None
    return Response(to_json(content), status, headers, "application/json")


def _named(value: object) -> str:
    return type(value).__name__
