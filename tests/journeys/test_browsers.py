"""What a page in a real browser can do without an Authorization header, in development and in production."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.journeys.conftest import RunNode
from tests.serving import PASSWORD, PUBLIC_ROOT, Server

PROGRAM = "from walkwire import Walker\n"
SECRET = "a secret for tests, of 32 bytes or more"


@pytest.mark.parametrize("is_production", [False, True])
async def test_a_page_opens_a_socket_in_each_way(
    is_production: bool, run_node: RunNode, chromium: str, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(PROGRAM)
    (tmp_path / "index.html").write_text("<!doctype html><title>A page</title>")
    (tmp_path / "other").mkdir()
    mode = ("--production",) if is_production else ()
    with (
        Server(tmp_path, tmp_path, *mode, token_secret=SECRET) as server,
        Server(tmp_path, tmp_path / "other", *mode, token_secret=SECRET) as other,
    ):
        ada = await server.user()
        said = run_node(
            "browsers.mjs", f"{server.url}/", f"{other.url}/", ada.token, ada.email, PASSWORD, chromium
        )
    seen = json.loads(said)
    mine, nobodys = ({"root": root, "protocol": ""} for root in (ada.root_id, PUBLIC_ROOT))
    assert seen["subprotocol"] == {"root": ada.root_id, "protocol": "walkwire.v1"}
    assert (seen["ticket"], seen["ticketAgain"]) == (mine, nobodys)
    assert seen["login"] == ["csrf_token", "user"]
    name = "__Host-walkwire_csrf" if is_production else "walkwire_csrf"
    assert seen["scriptsSee"] == f"{name}={seen['csrf']}"
    assert (seen["withoutCsrf"], seen["withCsrf"]) == (403, 200)
    assert seen["cookie"] == seen["cookieAfterReload"] == mine
    if is_production:
        assert seen["auth"]["code"] == 4003
        assert "/user/ticket" in json.loads(seen["auth"]["reason"])["reason"]
        # A page at another port is of the same site, so its browser sends the cookie.
        assert seen["elsewhere"]["socket"]["code"] == 4003
        assert (seen["elsewhere"]["read"], seen["elsewhere"]["write"]) == ("not allowed", "not allowed")
    else:
        assert seen["auth"] == seen["elsewhere"]["socket"] == mine
        assert (seen["elsewhere"]["read"], seen["elsewhere"]["write"]) == (200, 403)
