"""What answers tell browsers, on real servers: in development, in production, and with the settings that change it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serving import PASSWORD, PATIENCE, Server
from walkwire.config import Config
from walkwire.server.http.pages.headers import security_headers

PROGRAM = """
from fastapi.responses import HTMLResponse

from walkwire import Root, Walker, on_entry, specs


@specs(methods=["get", "post"], auth=False)
class greet(Walker):
    @on_entry
    def say(self, here: Root) -> None:
        self.report("hello")


@specs(methods=["get"], auth=False)
class show(Walker):
    @on_entry
    def page(self, here: Root) -> None:
        self.report(HTMLResponse("<p>own", headers={"Referrer-Policy": "no-referrer"}))


@specs(methods=["post"], auth=False)
class fail(Walker):
    @on_entry
    def stumble(self, here: Root) -> None:
        raise LookupError


class hook(Walker):
    class __specs__:
        webhook = {"type": "header", "name": "X-Key"}
"""
PAGE = "<!doctype html><script>document.title = 'inline'</script>"
PRODUCTION = {"production": "true", "token_secret": "s" * 32}
EVERY_KIND = [
    ("POST", "/walker/greet"),  # the shortcut
    ("GET", "/walker/greet"),
    ("POST", "/walker/greet?a=b"),
    ("GET", "/walker/show"),  # a response of the program
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/nowhere"),
    ("PUT", "/walker/greet"),
    ("POST", "/user/login"),  # 422
    ("POST", "/walker/fail"),  # 500
    ("GET", "/websocket"),
    ("GET", "/?" + "&" * 2000),  # refused by its head
]


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Server]:
    (folder / "main.py").write_text(PROGRAM)
    (folder / "index.html").write_text(PAGE)
    with Server(folder, folder, **settings) as server:
        yield server


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(tmp_path_factory.mktemp("production"), hsts_seconds="600", **PRODUCTION) as server:
        yield server


@pytest.mark.parametrize(("method", "path"), EVERY_KIND)
async def test_every_kind_of_answer_has_the_headers(method: str, path: str, production: Server) -> None:
    headers = (await production.request(method, path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"].startswith("strict-origin-when-cross-origin")
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert headers["strict-transport-security"] == "max-age=600"


async def test_the_last_policy_is_the_programs_own(production: Server) -> None:
    answer = await production.request("GET", "/walker/show")
    assert answer.headers.get_list("referrer-policy") == ["strict-origin-when-cross-origin", "no-referrer"]


async def test_the_answer_to_what_is_no_http_has_them_too(production: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", production.port)
    writer.write(b"this is no HTTP\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer


async def test_in_development_any_page_may_show_answers_in_a_frame(tmp_path: Path) -> None:
    with served(tmp_path, hsts_seconds="600") as server:
        headers = (await server.request("GET", "/")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in headers
    assert "strict-transport-security" not in headers, "a browser would keep to TLS on localhost"


async def test_each_answer_with_a_secret_is_not_stored_by_browsers_and_proxies(tmp_path: Path) -> None:
    """Whatever route is new and answers with a secret has to be tried here."""
    tried = {"/user/login", "/user/refresh", "/webhook/generate-key"}
    with served(tmp_path) as server:
        api = (await server.request("GET", "/openapi.json")).json()
        assert {path for path, answer in _answers(api) if {"token", "key", "secret"} & answer} <= tried
        ada = await server.user("ada@example.com")
        account = {"email": "ada@example.com", "password": PASSWORD, "refresh": True}
        refresh_token = (await server.post("/user/login", account)).json()["refresh_token"]
        for path, body in (
            ("/user/login", account),
            ("/user/refresh", {"refresh_token": refresh_token}),
            ("/webhook/generate-key", {"name": "hook"}),
        ):
            answer = await server.post(path, body, ada.token)
            assert answer.is_success, answer.text
            assert answer.headers["cache-control"] == "no-store", path


def _answers(api: dict) -> Iterator[tuple[str, set[str]]]:
    """Each path with the names in its answers."""
    for path, operations in api["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
                model = api["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
                if status.startswith("2"):
                    yield path, set(model.get("properties", ()))


def test_pages_that_are_named_may_show_answers_in_a_frame() -> None:
    config = Config(production=True, frame_ancestors=("https://Shop.example/", "https://a.example:8443"))
    policy = dict(security_headers(config))["Content-Security-Policy"]
    assert policy == "frame-ancestors 'self' https://shop.example https://a.example:8443"
    assert "Content-Security-Policy" not in dict(
        security_headers(Config(production=True, frame_ancestors="*"))
    )


@pytest.mark.parametrize("wrong", ["shop.example", "https://a.example; script-src *", "https://a b"])
def test_what_is_no_origin_is_not_taken(wrong: str) -> None:
    with pytest.raises(ValueError, match="an origin reads"):
        Config(frame_ancestors=(wrong,))
