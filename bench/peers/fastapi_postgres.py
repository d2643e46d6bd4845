"""FastAPI, bare, on walkwire's own tables in PostgreSQL: `async def` endpoints and psycopg's asynchronous connections.

Written as a careful engineer would: connections are kept, each read is an autocommit, each write one transaction. The pool is a
stack, the leanest there is: psycopg_pool does more, and costs more.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from psycopg import AsyncConnection
from pydantic import BaseModel

CONNECTIONS = 16
PUBLIC_ROOT = "0" * 23 + "1"

_NODE = "SELECT id, kind, owner, version, data, access FROM nodes WHERE id = %s"
_NEIGHBOURS = """
SELECT nodes.id, nodes.kind, nodes.owner, nodes.version, nodes.data, nodes.access
FROM edges JOIN nodes ON nodes.id = edges.target
WHERE edges.source = %s AND edges.target_kind = 'Item' ORDER BY edges.seq
"""
_NEW_NODE = "INSERT INTO nodes (id, kind, owner, version, data) VALUES (%s, 'Item', %s, 1, %s)"
_NEW_EDGE = """
INSERT INTO edges (id, kind, source, source_kind, target, target_kind, version, data)
VALUES (%s, '', %s, '', %s, 'Item', 1, '{}')
"""


class Item(BaseModel):
    """What is to be stored."""

    text: str


class Pool:
    """Connections; the one used last is used first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[AsyncConnection[Any]] = []
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def open(self) -> None:
        """Connect."""
        for _ in range(CONNECTIONS):
            self._free.append(await AsyncConnection.connect(self._url, autocommit=True))

    async def close(self) -> None:
        """Disconnect."""
        for connection in self._free:
            await connection.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Have one for the time of the block."""
        async with self._room:
            connection = self._free.pop()
            try:
                yield connection
            finally:
                self._free.append(connection)


def make(url: str) -> FastAPI:
    """The application."""
    pool = Pool(url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await pool.open()
        yield
        await pool.close()

    api = FastAPI(lifespan=lifespan)

    @api.post("/read/{node}")
    async def read(node: str) -> dict[str, object]:
        async with pool.connection() as connection:
            found = await (await connection.execute(_NODE, [node])).fetchone()
            if found is None:
                raise HTTPException(404)
            rows = await (await connection.execute(_NEIGHBOURS, [node])).fetchall()
        return {"status": 200, "reports": [[json.loads(row[4])["text"] for row in rows]]}

    @api.post("/item")
    async def item(item: Item) -> dict[str, object]:
        node, edge = os.urandom(12).hex(), os.urandom(12).hex()
        data = json.dumps({"text": item.text})
        async with pool.connection() as connection, connection.transaction():
            await connection.execute(_NEW_NODE, [node, PUBLIC_ROOT, data])
            await connection.execute(_NEW_EDGE, [edge, PUBLIC_ROOT, node])
        return {"status": 200, "reports": [{"id": f"n:Item:{node}", "context": {"text": item.text}}]}

    return api


if __name__ == "__main__":
    uvicorn.run(
        make(sys.argv[2]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
