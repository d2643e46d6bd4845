"""Notify: routes by which other services, such as a cron job, send notifications. They need an API key."""

# Without `from __future__ import annotations`: FastAPI could not find `key`, a local name, in the text of an annotation.

import json
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from msgspec import Meta, Raw, Struct
from pydantic import BaseModel, Field, ValidationError

from walkwire.account.service import Services
from walkwire.errors import BadEvent
from walkwire.ids import parse_root
from walkwire.server.http.answers import Detail, Message
from walkwire.server.http.route import FixedRoute
from walkwire.store import ServiceRecord
from walkwire.wire.hub import Hub
from walkwire.wire.message import elements, text
from walkwire.wire.message.aside import aside
from walkwire.wire.message.bounds import LONG, TARGETS
from walkwire.wire.message.lenient import problems_of
from walkwire.wire.message.notification import Kind, Notification

TAGS = ["Notify APIs"]

_WHO: dict[Kind, tuple[str, Callable[[object], str]]] = {
    "users": ("Every socket of each user. Targets are root ids (`n::…` or the bare digits).", parse_root),
    "channels": ("Every socket in each channel. Targets are channel ids.", str),
    "clients": ("Single sockets. Targets are client ids, as their connection frames give them.", str),
}


class NotifyIn(BaseModel):
    """The receivers, and any JSON value, which arrives unchanged, byte by byte."""

    targets: list[str] = Field(min_length=1, max_length=TARGETS)
    data: Any


class _NotifyBody(Struct, frozen=True):
    targets: Annotated[list[str], Meta(min_length=1, max_length=TARGETS)]
    data: Raw


_decoder = msgspec.json.Decoder(_NotifyBody)


class ServiceKey(SecurityBase):
    """A dependency for `Security(…)`: `Authorization: Bearer wk_…` or `X-API-Key: wk_…`. 403 without one, 401 with a bad one."""

    def __init__(self, services: Services) -> None:
        about = "A key made by `walkwire keys create`. `Authorization: Bearer wk_…` is taken as well."
        self.model = APIKey.model_validate({"in": APIKeyIn.header, "name": "X-API-Key", "description": about})
        self.scheme_name = "API key"
        self._services = services

    async def __call__(self, request: Request) -> ServiceRecord:
        """Return the key's record. Raises HTTPException, and the store's errors."""
        scheme, _, shown = request.headers.get("authorization", "").strip().partition(" ")
        key = request.headers.get("x-api-key", "").strip() or (
            shown.strip() if scheme.lower() == "bearer" else ""
        )
        if not key:
            raise HTTPException(403, "Not authenticated")
        record = await self._services.identify(key)
        if record is None:
            raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        return record


def serve_notify(api: FastAPI, services: Services, hub: Hub) -> None:
    """Add the routes under /notify."""
    key = ServiceKey(services)
    limit = api.state.element_limit
    api.router.routes += [_route(kind, key, hub, limit) for kind in _WHO]


def _route(kind: Kind, key: ServiceKey, hub: Hub, element_limit: int) -> FixedRoute:
    about, read = _WHO[kind]

    async def notify(request: Request, _: Annotated[ServiceRecord, Security(key)]) -> Response:
        body = await request.body()
        if len(body) <= LONG:
            order = _parse_body(body, element_limit)
        else:
            order = await aside(_parse_body, body, element_limit)
        targets = tuple(dict.fromkeys(map(read, order.targets)))
        waiting = hub.publish(Notification(kind, targets, bytes(order.data)))
        if waiting is not None:
            await waiting
        return Response(b'{"message":"Successfully Notified!"}', 200, media_type="application/json")

    return FixedRoute(
        f"/notify/{kind}",
        notify,
        methods=["POST"],
        operation_id=f"notify_{kind}",
        summary=f"Notify {kind.capitalize()}",
        description=f"{about} Unknown ones are skipped. 503: only those on the server that answers were told.",
        tags=[*TAGS],
        response_model=Message,
        responses={
            400: {"model": Detail, "description": "A reference that is none"},
            401: {"model": Detail, "description": "A key that is wrong or revoked"},
            403: {"model": Detail, "description": "No key"},
            503: {"model": Detail, "description": "Other servers cannot be reached"},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": NotifyIn.model_json_schema()}},
            }
        },
    )


def _parse_body(body: bytes, element_limit: int) -> _NotifyBody:
    """Return the body's values. Raises BadEvent with details in pydantic's form, and TooLarge."""
    if len(body) > element_limit:
        elements.check(body, element_limit)
    try:
        text.check(body)
        return _decoder.decode(body)
    except BadEvent as error:
        raise _refusal("json_invalid", error.message) from None
    except msgspec.DecodeError:
        pass  # pydantic describes the error better
    try:
        model = NotifyIn.model_validate(text.loads(body))
    except ValidationError as error:
        details = problems_of(error, len(body))
        for detail in details:
            detail.pop("ctx", None)
            detail["loc"] = ("body", *detail["loc"])
        raise BadEvent(details[0]["msg"], details) from None
    except BadEvent as error:
        raise _refusal("json_invalid", error.message) from None
    return _NotifyBody(model.targets, Raw(json.dumps(model.data, ensure_ascii=False).encode()))


def _refusal(kind: str, message: str) -> BadEvent:
    return BadEvent(message, [{"type": kind, "loc": ("body",), "msg": message, "input": None}])
