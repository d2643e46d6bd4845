"""FastAPI, bare: POST /nothing, and POST /item, which inserts a row and commits; plain `def`, as most people write them.

POST /nothing-async is the same as /nothing without the way to a thread and back.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench.peers.table import insert, open_table


class Item(BaseModel):
    """What is to be stored."""

    text: str


def make(folder: Path) -> FastAPI:
    """The application, with a database of its own in `folder`."""
    api = FastAPI()
    engine = open_table(folder / "bare.db")

    @api.post("/nothing")
    def nothing() -> dict[str, object]:
        return {"status": 200, "reports": []}

    @api.post("/nothing-async")
    async def nothing_async() -> dict[str, object]:
        return {"status": 200, "reports": []}

    @api.post("/item")
    def item(item: Item) -> dict[str, object]:
        with engine.begin() as connection:
            key = insert(connection, item.text)
        return {"status": 200, "reports": [{"id": key, "context": {"text": item.text}}]}

    return api


if __name__ == "__main__":
    uvicorn.run(
        make(Path(sys.argv[2])),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
