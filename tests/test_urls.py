"""URLs: what may be sent there, and how they are shown."""

from __future__ import annotations

import pytest

from walkwire.urls import is_safe_url, masked_url, server_at


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example",
        "https://id.example:8443/realms/a?x=1",
        "http://localhost:8000",
        "http://127.0.0.1/x",
        "http://[::1]:9",
    ],
)
def test_tls_and_this_machine_are_safe(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "http://id.example",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://localhost@id.example",
        "https://user:secret@id.example",
        "https://id.example/#part",
        "https://id.example:0",
        "https://id.example:x",
        "ftp://localhost",
        "file:///etc/passwd",
        "//id.example",
        "https://[::1",
    ],
)
def test_all_else_is_not(url: str) -> None:
    assert not is_safe_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:hush@host/db", "postgresql://ada:***@host/db"),
        ("postgresql://ada@host/db", "postgresql://ada@host/db"),
        (
            "postgresql://host/db?password=hush&sslmode=require",
            "postgresql://host/db?password=***&sslmode=require",
        ),
        ("nats://a:hush@b,nats://c:hush@d", "nats://a:***@b,nats://c:***@d"),
        ("sqlite:///file.db", "sqlite:///file.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("url", "http", "socket", "port"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", "ws://127.0.0.1:8000", 8000),
        ("localhost", "http://localhost", "ws://localhost", 80),
        ("ws://[::1]:9/live", "http://[::1]:9", "ws://[::1]:9/live", 9),
        ("https://shop.example/a?b=c", "https://shop.example", "wss://shop.example/a?b=c", 443),
        ("wss://shop.example/websocket", "https://shop.example", "wss://shop.example/websocket", 443),
    ],
)
def test_a_server_is_named_by_the_url_of_its_api_or_of_its_socket(
    url: str, http: str, socket: str, port: int
) -> None:
    server = server_at(url)
    assert (server.http, server.socket, server.port) == (http, socket, port)


@pytest.mark.parametrize(
    "url", ["", "ws://", "ftp://shop.example", "http://shop.example:x", "//shop.example"]
)
def test_what_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        server_at(url)


def test_a_program_names_the_scheme() -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        server_at("shop.example", is_scheme_needed=True)
