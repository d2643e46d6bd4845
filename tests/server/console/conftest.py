"""A program in this process, and what the console's page asks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.server.console import town
from walkwire.testing import Served, serve

OWN = {"X-Console": "1"}


class Operator:
    """The console's page. `headers` are sent with each request."""

    def __init__(self, served: Served, **headers: str) -> None:
        self.served = served
        self.headers = OWN | headers

    async def ask(self, path: str, **query: Any) -> Any:
        answer = await self.served.http.get(f"/console/api/{path}", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def act(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.served.http.post(f"/console/api/{path}", json=body, headers=self.headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serve(town) as made:
        yield made


@pytest.fixture
def operator(served: Served) -> Operator:
    return Operator(served)
