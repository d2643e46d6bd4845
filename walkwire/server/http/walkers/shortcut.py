"""Shortcut: answers usual requests for walkers (a short JSON body or none) without FastAPI's dependency machinery.

Any other request goes to FastAPI, with its body to be read again. So does every error, so that errors have the same bytes on both
paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from walkwire.account.auth import PUBLIC, Caller
from walkwire.server.http.bearer import Bearer
from walkwire.server.http.cors import Cors
from walkwire.server.http.head import HEAD, RequestHead
from walkwire.wire.message import elements, text
from walkwire.wire.message.bounds import KEY_LENGTH, LONG

OUTCOME = "walkwire.outcome"  # key in a scope: the ASGI application that answers, after the walk
ANSWER = "walkwire.answer"  # an extension of ASGI: the whole answer in one message (`server/socket/cycle.py`)

_JSON = b"application/json"
_HEADERS = b"content-length: %d\r\ncontent-type: application/json\r\n%sx-request-id: %s\r\n"

Added = Sequence[tuple[bytes, bytes]]


class Unusual(Exception):
    """Raised for a request that FastAPI has to read."""


class QuickRoute:
    """Reads and answers requests for one walker, as FastAPI would.

    - model: validates the body; None: the body is not read
    - bearer: identifies the caller; None: everybody is the public user
    - run: runs the walker, given values, caller, node and the key of the call
    - told: makes a response of an answer that is not plain JSON
    """

    def __init__(
        self,
        model: type[BaseModel] | None,
        bearer: Bearer | None,
        run: Callable[..., Any],
        told: Callable[[Any], ASGIApp],
    ) -> None:
        self._model = model
        self._bearer = bearer
        self._run = run
        self._told = told
        fields = model.model_fields if model is not None else {}
        self._names = {name: str(field.alias) for name, field in fields.items()}
        self._is_optional = not any(field.is_required() for field in fields.values())

    async def take(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        node: str | None,
        limits: tuple[int, int],
        added: Added,
    ) -> ASGIApp | None:
        """Answer and return None, or return the application that has to answer. Raises Unusual.

        - limits: bytes of the body, and values in it
        - added: headers for the answer
        """
        head: RequestHead = scope[HEAD]
        if head.key is not None and not 0 < len(head.key) <= KEY_LENGTH:
            raise Unusual
        values = {} if self._model is None else await self._values(head, receive, *limits)
        caller: Caller = PUBLIC
        try:
            if self._bearer is not None:
                caller = await self._bearer.caller(head.token.decode("latin-1"), scope)
            key = None if head.key is None else head.key.decode("latin-1")
            answer = await self._run(values, caller, node, key)
            status, body = answer.status, answer.body
            if answer.response is not None or not 200 <= status <= 599 or status in (204, 304):
                return self._told(answer)
        except Exception as error:
            return _raiser(error)
        if ANSWER in scope.get("extensions", ()):
            more = b"".join([b"%s: %s\r\n" % header for header in added]) if added else b""
            lines = _HEADERS % (len(body), more, head.id.encode())
            await send({"type": ANSWER, "status": status, "headers": lines, "body": body})
            return None
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", _JSON), *added]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return None

    async def _values(
        self, head: RequestHead, receive: Receive, limit: int, element_limit: int
    ) -> dict[str, Any]:
        body = await _body(receive, limit)
        if not body:
            if self._is_optional:
                return {}
            raise Unusual
        if len(body) > LONG or head.content_type != _JSON:
            raise Unusual
        assert self._model is not None
        try:
            if len(body) > element_limit:
                elements.check(body, element_limit)
            text.check(body)
            given = text.loads(body)
            if type(given) is not dict:
                raise Unusual
            model = self._model.__pydantic_validator__.validate_python(given, from_attributes=True)
        except Exception:  # FastAPI meets the same error and answers it
            raise Unusual from None
        return {self._names[name]: getattr(model, name) for name in model.model_fields_set}


class Shortcut:
    """Stands between `HeadCheck`, which reads the head, and all others.

    - app: answers all other requests
    - cors: gives the headers for pages of other origins
    - quick_route: finds what answers a method and a path, and the node that the path names
    - limits: bytes of a body, and values in it
    """

    def __init__(
        self,
        app: ASGIApp,
        cors: Cors,
        quick_route: Callable[[str, str], tuple[QuickRoute, str | None] | None],
        limits: tuple[int, int],
    ) -> None:
        self._app = app
        self._cors = cors
        self._quick_route = quick_route
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and not scope.get("root_path") and scope["method"] != "OPTIONS":
            found = self._quick_route(scope["method"], scope["path"])
        if found is None:
            await self._app(scope, receive, send)
            return
        quick_route, node = found
        origin = scope[HEAD].origin
        added = self._cors.added(scope["method"], origin)
        taken: list[Message] = []

        async def receive_once() -> Message:
            taken.append(message := await receive())
            return message

        try:
            outcome = await quick_route.take(scope, receive_once, send, node, self._limits, added)
        except Unusual:
            outcome = None
        else:
            if outcome is None:
                return
            scope[OUTCOME] = outcome
        await self._app(scope, _after(taken, receive), send)


async def _body(receive: Receive, limit: int) -> bytes:
    message = await receive()
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            break
        if not message.get("more_body", False):
            return part if not parts else b"".join([*parts, part])
        parts.append(part)
        message = await receive()
    raise Unusual


def _after(taken: Iterable[Message], receive: Receive) -> Receive:
    """What was received already, then the rest."""
    first: Iterator[Message] = iter(taken)

    async def receive_again() -> Message:
        for message in first:
            return message
        return await receive()

    return receive_again


def _raiser(error: Exception) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return answer
