"""Which compressed form a client gets, and which forms are kept."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from walkwire.server.http.files.encodings import IDLE_SECONDS, Squeezed, accepted

TEXT = b"walk " * 1000


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (None, ()),
        ("", ()),
        ("identity", ()),
        ("gzip", ("gzip",)),
        ("gzip, deflate, br, zstd", ("br", "gzip")),
        ("GZIP;q=1, BR;q=0.5", ("gzip", "br")),
        ("br;q=0, *", ("gzip",)),
        ("*;q=0", ()),
        ("gzip;q=odd", ()),
        ("gzip;level=1", ("gzip",)),
        ("gzip," * 100, ()),
    ],
)
def test_a_client_gets_what_it_accepts(header: str | None, names: tuple[str, ...]) -> None:
    assert accepted(header) == names


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _reader(content: bytes, reads: list[int]) -> Callable[[], bytes]:
    def read() -> bytes:
        reads.append(len(content))
        return content

    return read


def test_a_form_is_made_once_for_each_version(clock: Clock) -> None:
    squeezed, reads = Squeezed(clock=clock), list[int]()
    made = squeezed.gzip("a.js", 1, _reader(TEXT, reads))
    assert made is not None
    assert gzip.decompress(made) == TEXT
    assert squeezed.gzip("a.js", 1, _reader(TEXT, reads)) is made
    assert len(reads) == 1
    assert squeezed.gzip("a.js", 2, _reader(TEXT + b"more", reads)) != made
    assert len(reads) == 2


def test_what_gets_no_smaller_is_not_made_again(clock: Clock) -> None:
    squeezed, reads = Squeezed(clock=clock), list[int]()
    for _ in range(2):
        assert squeezed.gzip("a", 1, _reader(b"", reads)) is None
    assert len(reads) == 1


def test_only_what_nobody_asks_for_makes_room(clock: Clock) -> None:
    squeezed, reads = Squeezed(bound=1, clock=clock), list[int]()
    assert squeezed.gzip("first", 1, _reader(TEXT, reads))
    clock.now = IDLE_SECONDS - 1
    assert squeezed.gzip("second", 1, _reader(TEXT, reads)) is None
    assert squeezed.gzip("first", 1, _reader(TEXT, reads))
    clock.now = IDLE_SECONDS + 1
    assert squeezed.gzip("second", 1, _reader(TEXT, reads)) is None
    assert len(reads) == 1
    clock.now = 2 * IDLE_SECONDS
    assert squeezed.gzip("second", 1, _reader(TEXT, reads))
    assert squeezed.gzip("first", 1, _reader(TEXT, reads)) is None
    assert len(reads) == 2
