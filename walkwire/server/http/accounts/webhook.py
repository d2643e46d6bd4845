"""Webhook: routes by which users make, list, extend and delete webhook keys, and the check of the key that a request shows."""

# Without `from __future__ import annotations`: FastAPI could not find `bearer`, a local name, in the text of an annotation.

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, FailFast, Field

from walkwire.account.auth import Auth, Caller
from walkwire.account.webhook import Webhooks
from walkwire.server.http.bearer import Bearer
from walkwire.server.http.route import FixedRoute
from walkwire.store import LATEST, WebhookKey, WebhookKeyExists
from walkwire.walk.walker.specs import Webhook

TAGS = ["Webhook APIs"]

# PostgreSQL refuses U+0000 in a text.
_Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
_Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100), FailFast()]

_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}


class Expiration(BaseModel):
    """The lifetime of a key."""

    count: Annotated[int, Field(strict=True, gt=0, le=1_000_000)] = 60
    interval: Literal["seconds", "minutes", "hours", "days"] = "days"

    @property
    def seconds(self) -> int:
        """Return the lifetime in seconds."""
        return self.count * _SECONDS[self.interval]


class KeyRequest(BaseModel):
    """What a key is for: walkers by name, and the classes of nodes at which it may enter (`root` too); empty means all."""

    name: Annotated[_Text, Field(min_length=1)]
    walkers: _Names = Field(default_factory=list)
    nodes: _Names = Field(default_factory=list)
    expiration: Expiration = Field(default_factory=Expiration)


class KeyIds(BaseModel):
    """Keys by their ids."""

    ids: Annotated[list[_Text], Field(min_length=1, max_length=1000), FailFast()]


class KeyBearer(SecurityBase):
    """A dependency for `Security(…)`: returns the key that a request shows. 403 without one, 401 if it is wrong or expired."""

    def __init__(self, keys: Webhooks, webhook: Webhook) -> None:
        self.model = APIKey.model_validate({"in": _shown_in(webhook), "name": webhook.name})
        self.scheme_name = f"Key in {webhook.place}: {webhook.name}"
        self._keys = keys
        self._webhook = webhook

    async def __call__(self, request: Request) -> WebhookKey:
        """Return the key. Raises HTTPException, and the store's errors."""
        text = await self._text(request)
        if not text:
            raise HTTPException(403, "Not authenticated")
        key = await self._keys.identify(text)
        if key is None:
            raise HTTPException(401, "Unauthorized")
        return key

    async def _text(self, request: Request) -> str | None:
        name = self._webhook.name
        found: Any = None
        match self._webhook.place:
            case "header":
                found = request.headers.get(name)
            case "query":
                found = request.query_params.get(name)
            case "path":
                found = request.path_params.get(name)
            case "body":
                found = await _in_body(request, name)
        return found if isinstance(found, str) else None


def serve_webhooks(api: FastAPI, keys: Webhooks, auth: Auth) -> None:
    """Add the routes under /webhook by which users make, list, extend and delete their keys."""
    bearer = Bearer(auth)
    User = Annotated[Caller, Security(bearer)]  # noqa: N806 - a type

    async def keys_of(caller: User) -> Response:
        """Your keys. Of their texts only the last letters are shown: the whole was shown when they were made."""
        found = await keys.of(caller.root_id)
        return _json(200, {"keys": [_shown(key, keys.masked(key)) for key in found]})

    async def generate_key(order: KeyRequest, caller: User) -> Response:
        """Make a key, by which another service walks as you. It is shown only now."""
        lives = order.expiration.seconds
        try:
            key = await keys.make(caller, order.name, order.walkers, order.nodes, lives)
        except WebhookKeyExists:
            raise HTTPException(409, "Already Exists!") from None
        if key is None:
            raise HTTPException(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        return _json(
            201, {"id": key.id, "name": key.name, "key": keys.text_of(key)}, {"Cache-Control": "no-store"}
        )

    async def extend(id: _Text, expiration: Expiration, caller: User) -> Response:
        """Let one of your keys live longer."""
        if not await keys.extend(caller.root_id, id, expiration.seconds):
            raise HTTPException(404)
        return _json(200, {"message": "Successfully Extended!"})

    async def delete(order: KeyIds, caller: User) -> Response:
        """End keys of yours."""
        if not await keys.delete(caller.root_id, order.ids):
            raise HTTPException(404)
        return _json(200, {"message": "Successfully Deleted!"})

    api.router.routes += [
        FixedRoute("/webhook", keys_of, methods=["GET"], operation_id="keys", tags=[*TAGS]),
        FixedRoute("/webhook/generate-key", generate_key, methods=["POST"], status_code=201, tags=[*TAGS]),
        FixedRoute(
            "/webhook/extend/{id}", extend, methods=["PATCH"], operation_id="extend_key", tags=[*TAGS]
        ),
        FixedRoute("/webhook/delete", delete, methods=["DELETE"], operation_id="delete_keys", tags=[*TAGS]),
    ]


def _shown_in(webhook: Webhook) -> APIKeyIn:
    """Return where OpenAPI shows the key. It has headers, queries and cookies only."""
    return APIKeyIn.query if webhook.place == "query" else APIKeyIn.header


async def _in_body(request: Request, name: str) -> Any:
    try:
        body = await request.json()
    except ValueError:
        return None
    return body.get(name) if isinstance(body, dict) else None


def _shown(key: WebhookKey, text: str) -> dict[str, Any]:
    expires = datetime.fromtimestamp(min(key.expires, LATEST), UTC).replace(tzinfo=None)
    return {
        "id": key.id,
        "name": key.name,
        "root_id": key.root_id,
        "walkers": key.walkers,
        "nodes": key.nodes,
        "expiration": expires.isoformat(),
        "key": text,
    }


def _json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
