"""What a server says when it is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.config import Config
from walkwire.server.http.files.site import Site, open_site
from walkwire.server.process.banner import show_banner
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker


@specs(
    methods=["get", "websocket"],
    auth=False,
    path="/a/{x}/with/a/path/that/is/so/long/that/no/terminal/holds/it",
)
class long_one(Walker):
    x: str


@specs(methods=["websocket"])
class on_socket(Walker):
    pass


@specs(private=True)
class hidden(Walker):
    pass


def _said(
    capsys: pytest.CaptureFixture[str], config: Config, *walkers: type, site: Site | None = None
) -> list[str]:
    show_banner(config, {one.__name__: one for one in walkers}, 8000, title="walkwire 1  main.py", site=site)
    return capsys.readouterr().out.splitlines()


def test_each_thing_is_one_plain_line_where_no_terminal_is(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "index.html").touch()
    site = open_site(tmp_path, is_public=False, is_app=False)
    path = "/a/{x}/with/a/path/that/is/so/long/that/no/terminal/holds/it"
    assert _said(capsys, Config(), long_one, on_socket, hidden, site=site) == [
        "walkwire 1  main.py",
        "",
        "Page: http://127.0.0.1:8000/",
        "WebSocket: ws://127.0.0.1:8000/websocket",
        "API: http://127.0.0.1:8000/docs",
        "Console: http://127.0.0.1:8000/console",
        "Database: sqlite:///walkwire.db",
        "",
        f"long_one: get websocket  everybody  {path}  {path}/{{node}}",
        "on_socket: websocket  users",
        "",
        "Mode: development",
        "Origins: localhost, 127.0.0.1, [::1] on any port",
        "May send user events: all",
        "May send channel events: all",
        "May send client events: all",
        "May join channels: all",
    ]


def test_production_shows_its_own_policies_and_origins(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, Config(production=True, origins=("https://a.example",), policy_join="none"))
    assert "Origins: the server's own, https://a.example" in said
    assert "May send user events: authenticated" in said
    assert "May join channels: none" in said


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("chat.example", "chat.example")],
)
def test_the_address_can_be_opened_as_it_is_shown(
    host: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"WebSocket: ws://{shown}:8000/websocket" in _said(capsys, Config(host=host))


def test_the_password_of_the_database_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, Config(database="postgresql://me:hush@host/db"))
    assert "Database: postgresql://me:***@host/db" in said
