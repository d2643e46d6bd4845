"""The types of files."""

from __future__ import annotations

import pytest

from walkwire.server.http.files.media import content_type_of, is_squeezable, type_of


@pytest.mark.parametrize(
    ("name", "told", "squeezable"),
    [
        ("index.html", "text/html; charset=utf-8", True),
        ("app.MJS", "text/javascript; charset=utf-8", True),
        ("app.js.map", "application/json", True),
        ("m.wasm", "application/wasm", True),
        ("app.webmanifest", "application/manifest+json", True),
        ("a.svg", "image/svg+xml", True),
        ("a.png", "image/png", False),
        ("a.woff2", "font/woff2", False),
        ("a.tar.gz", "application/gzip", False),
        ("a.odd", "application/octet-stream", False),
        ("LICENSE", "application/octet-stream", False),
    ],
)
def test_a_name_has_a_type(name: str, told: str, squeezable: bool) -> None:
    assert content_type_of(type_of(name)) == told
    assert is_squeezable(type_of(name)) is squeezable
