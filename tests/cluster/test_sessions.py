"""Sessions over several servers on one database: many refresh one token at the same moment, and one is ended meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from tests.brokers.service import Kind
from tests.cluster.cluster import ONE_KIND, Cluster
from tests.serving import PASSWORD


@pytest.fixture(scope="module", params=ONE_KIND)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest.mark.asyncio(loop_scope="module")
async def test_servers_that_replace_one_refresh_token_at_once_give_the_same_successor(three: Cluster) -> None:
    user = await three.servers[0].user()
    account = {"email": user.email, "password": PASSWORD, "refresh": True}
    text = (await three.servers[0].post("/user/login", account)).json()["refresh_token"]
    for _ in range(10):
        answers = await asyncio.gather(
            *(server.post("/user/refresh", {"refresh_token": text}) for server in three.servers * 3)
        )
        assert {answer.status_code for answer in answers} == {200}
        (text,) = {answer.json()["refresh_token"] for answer in answers}
    for server in three.servers:
        assert await server.walk("who_am_i", answers[0].json()["token"]) == [True]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_session_that_ends_while_it_is_refreshed_elsewhere_stays_ended(three: Cluster) -> None:
    here, there, third = three.servers
    user = await here.user()
    account = {"email": user.email, "password": PASSWORD, "refresh": True}
    for _ in range(5):
        given = (await here.post("/user/login", account)).json()
        order = {"refresh_token": given["refresh_token"]}
        refreshed, ended = await asyncio.gather(
            here.post("/user/refresh", order), there.post("/user/logout", {}, given["token"])
        )
        assert ended.status_code == 200
        tokens = [given["token"]]
        if refreshed.status_code == 200:
            tokens.append(refreshed.json()["token"])
            order = {"refresh_token": refreshed.json()["refresh_token"]}
        for server in (here, there):
            assert (await server.post("/user/refresh", order)).status_code == 401
        async with asyncio.timeout(30):
            for token in tokens:
                while (await third.post("/walker/who_am_i", {}, token)).status_code != 401:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
