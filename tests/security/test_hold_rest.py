"""No request holds the event loop for more than 20 ms: see `tests/security/test_hold.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.security.held import ENDING, LIMIT, MEBIBYTE, SAID_AT_THE_END, Held, serve_held, text
from tests.security.probed import exchange
from tests.security.shapes import CONTEXTS, SHAPES, emails, plain

pytestmark = [pytest.mark.alone, pytest.mark.long]

HEAD = 60 * 1024  # bytes of a request head, a little below its limit


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Held]:
    yield from serve_held(tmp_path_factory.mktemp("held"), pytestconfig)


WITH_BODY = {
    "/user/register": "POST",
    "/user/login": "POST",
    "/user/change_password": "POST",
    "/user/forgot_password": "POST",
    "/user/reset_password": "POST",
    "/user/logout": "POST",
    "/user/refresh": "POST",
    "/notify/users": "POST",
    "/notify/channels": "POST",
    "/notify/clients": "POST",
    "/webhook/generate-key": "POST",
    "/webhook/extend/{id}": "PATCH",
    "/webhook/delete": "DELETE",
    "/walker/anything": "POST",
    "/walker/typed": "POST",
    "/walker/typed/{node}": "PUT",
    "/walker/echo": "POST",
    "/walker/stop/stops/{name}": "POST",
    "/walker/plant": "POST",
    "/webhook/walker/hooked": "POST",
    "/webhook/walker/hooked_by_body": "POST",
    "/webhook/walker/hooked_by_path/{hook}": "POST",
}
WITH_FILES = {"/walker/upload": "POST", "/walker/upload_mine": "POST"}
WITHOUT_BODY = {
    "/user/logout-all": "POST",
    "/user/ticket": "POST",
    "/events": "GET",
    "/history/channels/{channel_id}": "GET",
    "/webhook": "GET",
    "/util/traverse": "GET",
    "/util/traverse-stream": "GET",
    "/walker/search": "GET",
    "/walker/read_thing": "GET",
}
UNLISTED = {
    "/": "GET",
    "/docs": "GET",
    "/redoc": "GET",
    "/openapi.json": "GET",
    "/openapi.yaml": "GET",
    "/asyncapi.json": "GET",
    "/docs/realtime": "GET",
    "/healthz": "GET",
    "/healthz/ready": "GET",
    "/metrics": "GET",
    "/websocket": "GET",
    "/no/such/path": "GET",
}
ROUTES = WITH_BODY | WITH_FILES | WITHOUT_BODY | UNLISTED
KEYS = {"/notify": "X-API-Key", "/webhook/walker/hooked": "X-Hook-Key"}


def test_every_route_is_walked(held: Held) -> None:
    """But for those of the same walker that begin at a node, or have another method."""
    listed = {path for path in held.description["paths"] if not path.endswith("/{node}")}
    assert listed == {path for path in ROUTES.keys() - UNLISTED.keys() if not path.endswith("/{node}")}


def _filled(held: Held, path: str) -> str:
    node = path.replace("{node}", "n:Thing:" + "a" * 24)
    return re.sub(r"\{\w+\}", "a", node.replace("{hook}", held.hook_key))


def _bodies(held: Held, path: str, value: bytes, in_fields: bool) -> Iterator[tuple[str, bytes]]:
    """Yield bodies for a route: the value itself, and the value as each of the fields."""
    yield "as the body", value
    if not in_fields:
        return
    schemas = held.description["components"]["schemas"]
    operation = held.description["paths"][path][ROUTES[path].lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    small = plain(schema, schemas)
    for name in schema.get("properties", {}):
        others = json.dumps({key: one for key, one in small.items() if key != name})[:-1].encode()
        comma = b"," if len(others) > 1 else b""
        yield f"as {name}", others + comma + b'"%s":%s}' % (name.encode(), value)


IN_FIELDS = {
    "numbers",
    "nests",
    "a text",
    "a text of two-byte characters",
}  # the dearest, also as each single field


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("path", WITH_BODY)
def test_a_body_at_its_bound(held: Held, path: str, shape: str) -> None:
    value = SHAPES[shape](LIMIT - 256)
    requests = {
        where: lambda body=body: held.request(ROUTES[path], _filled(held, path), body)
        for where, body in _bodies(held, path, value, shape in IN_FIELDS)
    }
    held.check(f"{ROUTES[path]} {path}, {shape}", requests)


@pytest.mark.parametrize("size", [64, 254, 320, 4096, 340_000, LIMIT - 1024])
@pytest.mark.parametrize("path", ["/user/register", "/user/login", "/user/forgot_password"])
def test_an_email_at_its_bound(held: Held, path: str, size: int) -> None:
    requests = {
        f"{email[:4]}…{email[-8:]}": lambda email=email: held.request("POST", path, _account(email))
        for email in emails(size)
        if len(_account(email)) <= LIMIT
    }
    held.check(f"{path}, e-mails of {size} characters", requests)


def _account(email: str) -> bytes:
    account = {"email": email, "password": "p", "name": ""}
    return json.dumps(account, ensure_ascii=False).encode()


HEADS: dict[str, Callable[[str], tuple[str, list[str]]]] = {
    "a long path": lambda path: (path + "/" + "a" * HEAD, []),
    "many slashes": lambda path: (path + "/" * HEAD, []),
    "an escaped path": lambda path: (path + "/" + "%C3%A9" * (HEAD // 6), []),
    "a long query": lambda path: (path + "?text=" + "a" * HEAD, []),
    "many parameters": lambda path: (path + "?" + "a&" * (HEAD // 2), []),
    "many numbers that are none": lambda path: (path + "?" + "numbers=x&" * (HEAD // 10), []),
    "many types of nodes": lambda path: (path + "?" + "node_types=x&" * (HEAD // 13), []),
    "an escaped query": lambda path: (path + "?text=" + "%C3%A9" * (HEAD // 6), []),
    "a number of many digits": lambda path: (path + "?depth=" + "9" * HEAD, []),
    "a long header": lambda path: (path, ["X-Long: " + "a" * HEAD]),
    "many headers": lambda path: (path, ["a:"] * (HEAD // 4)),
    "a long cookie": lambda path: (path, ["Cookie: " + "a=b; " * (HEAD // 5)]),
    "a long token": lambda path: (path, ["Authorization: Bearer " + "a" * HEAD]),
    "a token of dots": lambda path: (path, ["Authorization: Bearer " + "." * HEAD]),
    "long keys": lambda path: (path, [f"{name}: wk_" + "a" * (HEAD // 2) for name in KEYS.values()]),
    "a long origin": lambda path: (path, ["Origin: http://" + "a." * (HEAD // 2)]),
    "many accepted types": lambda path: (path, ["Accept: " + "a/b;q=0.1," * (HEAD // 10)]),
    "a long type of content": lambda path: (
        path,
        ["Content-Type: multipart/form-data; boundary=" + "a" * HEAD],
    ),
    "many proxies": lambda path: (path, ["X-Forwarded-For: " + "10.0.0.1," * (HEAD // 9)]),
}


@pytest.mark.parametrize("path", ROUTES)
def test_a_head_at_its_bound(held: Held, path: str) -> None:
    def request(head: str) -> bytes:
        url, headers = HEADS[head](_filled(held, path))
        has_token = any(one.startswith("Authorization") for one in headers)
        more = [*headers, "Connection: close", "Content-Length: 0"]
        return held.head(ROUTES[path], url, *more, is_signed_in=not has_token) + b"\r\n"

    held.check(f"{ROUTES[path]} {path}", {head: partial(request, head) for head in HEADS})


@pytest.mark.parametrize("head", HEADS)
def test_the_head_of_an_upgrade_at_its_bound(held: Held, head: str) -> None:
    def request() -> bytes:
        url, headers = HEADS[head]("/websocket")
        return held.upgrade(False, *headers, url=url) + text(SAID_AT_THE_END)

    held.check("an upgrade", {head: request}, ENDING)


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "DELETE", "TRACE"])
def test_other_methods(held: Held, method: str) -> None:
    asked = ["Origin: http://a", "Access-Control-Request-Method: POST"]
    headers = [*asked, "Access-Control-Request-Headers: " + "a," * (HEAD // 2), "Connection: close"]
    requests = {
        path: lambda path=path: held.head(method, _filled(held, path), *headers) + b"\r\n" for path in ROUTES
    }
    held.check(f"{method} of every route", requests)


def _part(head: str, content: bytes = b"") -> bytes:
    return b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), content)


_FILE = _part('name="picture"; filename="a"', b"x")
FORMS: dict[str, Callable[[], bytes]] = {
    "many fields": lambda: _part('name="a"') * (LIMIT // 60),
    "many files": lambda: _part('name="pages"; filename="a"') * (LIMIT // 80),
    "a long name": lambda: _part('name="' + "a" * LIMIT + '"'),
    "a long name of a file": lambda: _part('name="picture"; filename="' + "../" * (LIMIT // 3) + '"'),
    "many parameters of a part": lambda: _part('name="a"' + "; a=b" * (LIMIT // 5)),
    "many headers of a part": lambda: b"--b\r\n" + b"a:b\r\n" * (LIMIT // 5) + b"\r\n\r\n",
    "a long header of a part": lambda: b"--b\r\na: " + b"b" * LIMIT + b"\r\n\r\n\r\n",
    "a large file": lambda: _part('name="picture"; filename="a"', b"x" * 4 * MEBIBYTE),
    "a file of boundaries that are none": lambda: _part('name="picture"; filename="a"', b"\r\n--" * LIMIT),
    "a large field": lambda: _part('name="title"', b"x" * LIMIT),
    "no boundary": lambda: b"x" * LIMIT,
} | {
    f"JSON beside a file: {shape}": lambda make=make: (
        _FILE + _part('name="body"', b'{"tags":%s}' % make(LIMIT - 256))
    )  # type: ignore[misc]
    for shape, make in SHAPES.items()
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", WITH_FILES)
def test_a_form_at_its_bound(held: Held, path: str, form: str) -> None:
    body = FORMS[form]() + b"--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    held.check(f"POST {path}, {form}", {"a user": lambda: held.request("POST", path, body, kind)})


@pytest.mark.parametrize("path", ["/user/login", "/walker/anything", "/walker/upload"])
def test_a_form_of_pairs_at_its_bound(held: Held, path: str) -> None:
    bodies = [b"a=b&" * (LIMIT // 4), b"a" * LIMIT, b"%C3%A9" * (LIMIT // 6), b"&" * LIMIT]
    kind = "application/x-www-form-urlencoded"
    requests = {f"{body[:8]!r}": lambda body=body: held.request("POST", path, body, kind) for body in bodies}
    held.check(f"POST {path}, a form of pairs", requests)


def _close(data: bytes) -> bytes:
    return data + b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST /walker/anything HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CONNECTIONS: dict[str, Callable[[], bytes]] = {
    "pipelined questions for its health": lambda: _close(GET % b"/healthz" * (MEBIBYTE // 64)),
    "pipelined requests for no path": lambda: _close(GET % b"/none" * (MEBIBYTE // 64)),
    "pipelined walks": lambda: _close(
        b"POST /walker/anything HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" * 4000
    ),
    "pipelined requests for its description": lambda: _close(GET % b"/openapi.json" * 1000),
    "no HTTP": lambda: b"x" * MEBIBYTE,
    "zeroes": lambda: bytes(MEBIBYTE),
    "empty lines": lambda: b"\r\n" * (MEBIBYTE // 2),
    "a head without an end": lambda: b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (MEBIBYTE // 6),
    "a line without an end": lambda: b"GET /" + b"a" * MEBIBYTE,
    "chunks of one byte": lambda: _close(CHUNKED + b"1\r\nx\r\n" * (MEBIBYTE // 6) + b"0\r\n\r\n"),
    "long extensions of chunks": lambda: _close(CHUNKED + b"1;" + b"a" * MEBIBYTE + b"\r\nx\r\n0\r\n\r\n"),
    "many trailers": lambda: _close(CHUNKED + b"0\r\n" + b"a: b\r\n" * (MEBIBYTE // 6) + b"\r\n"),
    "a chunk of 63 bits": lambda: CHUNKED + b"7fffffffffffffff\r\n" + b"x" * MEBIBYTE,
    "two lengths": lambda: b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "upgrades that are none": lambda: _close(b"GET /websocket HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" * 1000),
    "another version": lambda: b"GET / HTTP/2.0\r\n\r\n" * 1000,
    "TLS": lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(MEBIBYTE),
}


@pytest.mark.parametrize("said", CONNECTIONS)
def test_bytes_at_the_port(held: Held, said: str) -> None:
    ending = None if said not in ("zeroes", "a head without an end") else b"\r\n\r\n"
    held.check(f"at the port, {said}", {"a stranger": CONNECTIONS[said]}, ending)


@pytest.mark.parametrize("path", ["/util/traverse", "/util/traverse-stream"])
def test_a_large_graph_is_told(held: Held, path: str) -> None:
    exchange(held.server.port, planting := held.request("POST", "/walker/plant", b'{"count":4900}'))
    token = re.search(rb"Authorization: [^\r]*", planting)
    assert token is not None
    url = f"{path}?detailed=true&depth=2"
    head = held.head("GET", url, token[0].decode(), "Connection: close", is_signed_in=False)
    held.check(f"GET {path} of 4,900 nodes", {"a user": lambda: head + b"\r\n"})


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_walker_of_many_types_over_rest(held: Held, context: str) -> None:
    body = CONTEXTS[context]
    held.check(
        f"walker typed over REST, {context}", {"a user": lambda: held.request("POST", "/walker/typed", body)}
    )
