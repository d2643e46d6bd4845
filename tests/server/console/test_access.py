"""Who may use the console: nobody but its own page, on this machine or with the token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.server.console import town
from tests.server.console.conftest import OWN
from walkwire.cli import app
from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.server.console import routes
from walkwire.server.console.access import console_token
from walkwire.testing import Client, Served, serve

TOKEN = "0123456789abcdef0123456789abcdef"
SERVER = "/console/api/server"


async def status(served: Served, *, address: str = "127.0.0.1", **headers: str) -> int:
    transport = httpx.ASGITransport(served.app.api, client=(address, 1))
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        return (await client.get(SERVER, headers=named)).status_code


async def test_in_development_the_own_page_on_this_machine_may(served: Served) -> None:
    assert await status(served, **OWN) == 200
    assert await status(served, **OWN, origin="http://localhost:8000", sec_fetch_site="same-origin") == 200
    assert await status(served, **OWN, address="::1") == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a picture, a script or a form of any page
        OWN | {"origin": "http://localhost:3000"},  # another program of this machine, which CORS allows
        OWN | {"origin": "http://evil.example"},
        OWN | {"origin": "null"},
        OWN | {"sec_fetch_site": "same-site"},
        OWN | {"sec_fetch_site": "cross-site"},
    ],
)
async def test_a_page_of_another_origin_may_not(served: Served, headers: dict[str, str]) -> None:
    assert await status(served, **headers) == 403


async def test_a_page_whose_name_was_given_the_address_of_this_machine_may_not(served: Served) -> None:
    assert await status(served, **OWN, host="evil.example") == 421
    assert await status(served, **OWN, host="evil.example", origin="http://evil.example") == 421


async def test_another_machine_may_not_whatever_host_it_names(served: Served) -> None:
    assert await status(served, **OWN, address="192.168.0.7") == 403


@pytest.mark.parametrize("production", [False, True])
async def test_with_a_token_it_counts_and_nothing_else(production: bool) -> None:
    async with serve(town, console=True, console_token=TOKEN, production=production) as served:
        assert await status(served, **OWN) == 401
        assert await status(served, **OWN, authorization=f"Bearer {TOKEN[:-1]}") == 401
        assert await status(served, **OWN, authorization=TOKEN) == 401
        assert await status(served, **OWN, authorization=f"Bearer {TOKEN}", address="10.0.0.7") == 200
        assert await status(served, authorization=f"Bearer {TOKEN}") == 403
        assert (
            await status(served, **OWN, authorization=f"Bearer {TOKEN}", origin="http://evil.example") == 403
        )
        refused = await served.http.get(SERVER, headers=OWN)
        assert refused.json()["needs_token"] is True


class Admins:
    """A console in production, and who may be made an administrator of it."""

    def __init__(self, served: Served, database: str) -> None:
        self.served = served
        self._database = database

    async def users(self, *arguments: str) -> None:
        done = await asyncio.to_thread(
            CliRunner().invoke, app, ["users", *arguments, "--database", self._database]
        )
        assert done.exit_code == 0, done.output

    async def status(self, client: Client, **headers: str) -> int:
        return await status(
            self.served, **OWN, address="10.0.0.7", authorization=f"Bearer {client.token}", **headers
        )


@pytest.fixture
async def admins(tmp_path: Path) -> AsyncIterator[Admins]:
    url = f"sqlite:///{tmp_path}/town.db"
    async with serve(
        town, database=url, production=True, console=True, console_token=TOKEN, workers=1
    ) as served:
        yield Admins(served, url)


async def test_the_token_of_an_administrator_opens_the_console_while_the_user_is_one(admins: Admins) -> None:
    ada = await admins.served.user("ada@example.com")
    assert await admins.status(ada) == 401
    await admins.users("promote", "ada@example.com")
    assert await admins.status(ada) == 200
    assert await admins.status(ada, origin="http://evil.example") == 403
    await admins.users("demote", "ada@example.com")
    assert await admins.status(ada) == 401


@pytest.mark.parametrize("deed", ["deactivate", "log out"])
async def test_what_ends_the_token_of_an_administrator_ends_the_console(admins: Admins, deed: str) -> None:
    ada = await admins.served.user("ada@example.com")
    await admins.users("promote", "ada@example.com")
    assert await admins.status(ada) == 200
    if deed == "deactivate":
        await admins.users("deactivate", "ada@example.com")
    else:
        await ada.request("POST", "/user/logout-all")
    assert await admins.status(ada) == 401


async def test_an_open_feed_ends_with_the_right_to_see_it(
    admins: Admins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "ASK_SECONDS", 0.0)
    ada = await admins.served.user("ada@example.com")
    await admins.users("promote", "ada@example.com")
    headers = OWN | {"authorization": f"Bearer {ada.token}"}
    feed = asyncio.create_task(admins.served.http.get("/console/api/live", headers=headers))
    async with asyncio.timeout(10):
        while not admins.served.app.runtime.watchers:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)
    await admins.users("demote", "ada@example.com")
    await admins.served.public().post("build")
    async with asyncio.timeout(10):
        assert (await feed).status_code == 200  # it has ended


async def test_a_user_cannot_become_an_administrator_by_registering(admins: Admins) -> None:
    eve = await admins.served.user("eve@example.com", is_admin=True, state={"is_admin": True})
    assert await admins.status(eve) == 401


async def test_the_cookie_of_an_administrator_does_not_open_the_console(admins: Admins) -> None:
    ada = await admins.served.user("ada@example.com")
    await admins.users("promote", "ada@example.com")
    cookies = {"cookie": f"__Host-walkwire_token={ada.token}"}
    assert await status(admins.served, **OWN, **cookies) == 401
    assert await admins.status(Client(admins.served, "", "nonsense"), **cookies) == 401


async def test_in_production_there_is_no_console_unless_it_is_asked_for() -> None:
    async with serve(town, production=True) as served:
        for path in ("/console", "/console/api/server", "/console/index.html"):
            assert (await served.http.get(path, headers=OWN)).status_code == 404


async def test_it_can_be_turned_off_in_development() -> None:
    async with serve(town, console=False) as served:
        assert (await served.http.get("/console")).status_code == 404


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"production": True}, "needs CONSOLE_TOKEN"),
        ({"console_token": "short"}, "at least 32"),
        ({"console_token": TOKEN, "console_token_file": "x"}, "both given"),
        ({"console_token_file": "/nowhere/at/all"}, "cannot be read"),
    ],
)
def test_a_token_that_cannot_be_used_stops_the_start(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        console_token(Config(console=True, **settings))


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    assert console_token(Config(console_token_file=str(file))) == TOKEN
    assert console_token(Config()) is None
