"""Traverse: routes that list a user's graph, for tools: Jac Cloud's `/util/traverse` and `/util/traverse-stream`."""

# Without `from __future__ import annotations`: FastAPI could not find `bearer`, a local name, in the text of an annotation.

from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query, Response, Security

from walkwire.account.auth import Auth, Caller
from walkwire.dialect.traverse import traverse
from walkwire.server.http.answers import RunWalker
from walkwire.server.http.bearer import Bearer
from walkwire.server.http.route import FixedRoute

TAGS = ["Utility APIs"]

_steps = msgspec.json.Decoder(list[msgspec.Raw])

_Types = Annotated[list[str] | None, Query(max_length=100)]


def serve_utilities(api: FastAPI, walk: RunWalker, auth: Auth, answer_limit: int) -> None:
    """Add the routes under /util. An answer has `answer_limit` bytes at most."""
    bearer = Bearer(auth)
    User = Annotated[Caller, Security(bearer)]  # noqa: N806 - a type

    async def whole(
        caller: User,
        source: str | None = None,
        detailed: bool = False,
        depth: int = 1,
        node_types: _Types = None,
        edge_types: _Types = None,
    ) -> Response:
        """What is found from the own root, or from a node or an edge: nodes, and edges, each counted as one step."""
        values = _values(source, detailed, depth, node_types, edge_types) | {"most": answer_limit}
        answer = await walk(traverse, values, caller.root_id, None)
        return Response(answer.body, media_type="application/json")

    async def in_steps(
        caller: User,
        source: str | None = None,
        detailed: bool = False,
        depth: int = 1,
        node_types: _Types = None,
        edge_types: _Types = None,
    ) -> Response:
        """The same, a line of JSON for each step."""
        values = _values(source, detailed, depth, node_types, edge_types)
        values |= {"in_steps": True, "most": answer_limit}
        answer = await walk(traverse, values, caller.root_id, None)
        lines = b"".join(step + b"\n" for step in map(bytes, _steps.decode(answer.body)))
        return Response(lines, media_type="application/json")

    api.router.routes += [
        FixedRoute("/util/traverse", whole, methods=["GET"], operation_id="traverse", tags=[*TAGS]),
        FixedRoute(
            "/util/traverse-stream", in_steps, methods=["GET"], operation_id="traverse_steps", tags=[*TAGS]
        ),
    ]


def _values(
    source: str | None, detailed: bool, depth: int, node_types: _Types, edge_types: _Types
) -> dict[str, Any]:
    return {
        "source": source,
        "detailed": detailed,
        "depth": depth,
        "node_types": node_types,
        "edge_types": edge_types,
    }
