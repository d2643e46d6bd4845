"""Forms as they are read: what is counted while they are read and used, and what is left of them in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import UploadFile as Upload
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser

from tests.server.conftest import Asked, Serve
from walkwire.config import Config
from walkwire.errors import BadEvent, Busy, TooLarge
from walkwire.server.http.walkers import form
from walkwire.server.http.walkers.form import PART_LIMIT, FormLimits, Forms, pairs_of, plain_name
from walkwire.walk.walker.specs import specs
from walkwire.walk.walker.walker import Walker

KIND = Headers({"content-type": "multipart/form-data; boundary=b"})
BEGIN = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
END = b"\r\n--b--\r\n"


class Gate:
    """Holds the last pieces of bodies back. `reached` is set when the pieces before them were read."""

    def __init__(self, bodies: int = 1) -> None:
        self.reached, self.opened, self._missing = asyncio.Event(), asyncio.Event(), bodies

    def reach(self) -> None:
        self._missing -= 1
        if not self._missing:
            self.reached.set()


async def sent(*pieces: bytes, gate: Gate | None = None) -> AsyncIterator[bytes]:
    """The pieces of a body."""
    for piece in pieces[:-1]:
        yield piece
    if gate is not None:
        gate.reach()
        await gate.opened.wait()
    yield pieces[-1]


async def size_of(forms: Forms, *pieces: bytes, address: str = "b") -> int:
    """Read a form with one file, and give the file's size."""
    form = forms.open(address)
    try:
        read = await form.read(KIND, sent(*pieces))
        (file,) = read.values()
        assert isinstance(file, UploadFile)
        size = len(await file.read())
        await read.close()
        return size
    finally:
        form.close()


async def test_forms_that_are_read_at_one_time_share_a_bound() -> None:
    forms = Forms(FormLimits(held=2000))
    gate, opened = Gate(2), [forms.open(address) for address in "ac"]
    reading = asyncio.gather(*(form.read(KIND, sent(BEGIN + b"x" * 700, END, gate=gate)) for form in opened))
    await gate.reached.wait()
    with pytest.raises(Busy):
        await size_of(forms, BEGIN, b"x" * 700, END)
    assert await size_of(forms, BEGIN, b"x" * 100, END) == 100
    gate.opened.set()
    for read in await reading:
        await read.close()
    with pytest.raises(Busy):  # a program uses them still
        await size_of(forms, BEGIN, b"x" * 700, END)
    opened[0].close()
    assert await size_of(forms, BEGIN, b"x" * 700, END) == 700


async def test_the_forms_of_one_address_leave_room_for_others() -> None:
    forms = Forms(FormLimits(held=2000))
    first = forms.open("a")
    await (await first.read(KIND, sent(BEGIN + b"x" * 700, END))).close()
    with pytest.raises(Busy):
        await size_of(forms, BEGIN, b"x" * 300, END, address="a")
    assert await size_of(forms, BEGIN, b"x" * 300, END, address="b") == 300
    first.close()
    assert await size_of(forms, BEGIN, b"x" * 300, END, address="a") == 300


async def test_little_of_a_file_stays_in_memory() -> None:
    form = Forms(FormLimits()).open("a")
    read = await form.read(KIND, sent(BEGIN, b"x" * 100_000, END))
    (file,) = read.values()
    assert isinstance(file, UploadFile)
    assert not file._in_memory
    await read.close()


@pytest.mark.parametrize("line", [b"\r\n", b"\r\n-", b"\r\n--", b"\r", b"\n--b"])
async def test_a_file_of_line_ends_arrives_whole(line: bytes) -> None:
    content = line * 20_000
    assert await size_of(Forms(FormLimits()), BEGIN, content, END) == len(content)


@pytest.mark.parametrize(
    ("limits", "pieces"),
    [
        (FormLimits(file=10), (BEGIN, b"x" * 5, b"x" * 6)),
        (FormLimits(form=200), (BEGIN, b"x" * 200)),
        (FormLimits(parts=2), (BEGIN + b"\r\n" + BEGIN + b"\r\n" + BEGIN, END)),
    ],
)
async def test_a_form_is_refused_as_soon_as_it_is_too_large(
    limits: FormLimits, pieces: tuple[bytes, ...]
) -> None:
    with pytest.raises(TooLarge):
        await Forms(limits).open("a").read(KIND, sent(*pieces, END, gate=Gate()))


@pytest.mark.parametrize("body", [b"nonsense", b"--b\r\na: b\r\n\r\n", BEGIN.replace(b'name="file"; ', b"")])
async def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadEvent):
        await Forms(FormLimits()).open("a").read(KIND, sent(body, END))


def test_a_name_has_no_folders() -> None:
    assert plain_name("../a.txt") == "a.txt"
    assert plain_name("C:\\Users\\a.txt") == "a.txt"
    assert plain_name("x/") == plain_name("\n") == plain_name("") == "file"


@specs(auth=False)
class keep(Walker):
    picture: Upload
    tags: list[str] = []


PARTS: dict[str, tuple[int, Any]] = {
    "right": (200, (None, json.dumps({"tags": ["x"] * 3000}))),
    "right, as a file": (200, ("a.json", json.dumps({"tags": ["x"] * 3000}))),
    "a wrong type": (422, (None, json.dumps({"tags": [*["x"] * 3000, 1]}))),
    "many wrong types": (422, (None, json.dumps({"tags": [1] * 3000}))),
    "no JSON": (422, (None, "[" + " " * 9000)),
    "too many values": (413, (None, json.dumps({"tags": ["x"] * 5001}))),
}


@pytest.mark.parametrize("name", PARTS)
async def test_a_long_part_is_validated_in_a_thread_and_answered_as_a_short_one(
    serve: Serve, asked: Asked, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(keep, config=Config(element_limit=5000))
    status, part = PARTS[name]

    async def send() -> httpx.Response:
        return await client.post("/walker/keep", files={"picture": ("a", b"x"), "body": part})

    in_thread = await send()
    assert in_thread.status_code == status
    monkeypatch.setattr(form, "LONG", 1_000_000)
    assert (await send()).content == in_thread.content
    assert [values["tags"] for values in asked.values] == [["x"] * 3000] * (2 if status == 200 else 0)


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"&a=1&&b&=2&c=&d=e=f", [("a", "1"), ("b", ""), ("", "2"), ("c", ""), ("d", "e=f")]),
        (b"a+b=%C3%A9+%26%3D", [("a b", "é &=")]),
        (b"\xe9=%FF", [("\xe9", "\ufffd")]),
        (b"", []),
        (b"a=" + b"%41" * 9000, [("a", "A" * 9000)]),
    ],
)
def test_a_form_of_pairs_is_read_as_starlette_reads_it(body: bytes, values: list[tuple[str, str]]) -> None:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    assert pairs_of(body, 10).multi_items() == values
    assert asyncio.run(FormParser(Headers(), stream()).parse()).multi_items() == values


@pytest.mark.parametrize(
    "body", [b"a=1&" * 11, b"&" * 1000, b"a=" + b"x" * PART_LIMIT], ids=["many", "separators", "long"]
)
def test_a_form_of_too_many_pairs_or_a_too_long_one_is_refused(body: bytes) -> None:
    with pytest.raises(HTTPException) as refused:
        pairs_of(body, 10)
    assert refused.value.status_code == 400


async def test_a_form_is_counted_by_the_last_address_that_a_trusted_proxy_tells(serve: Serve) -> None:
    """A client may write the header itself; the proxy adds another one."""
    client = serve(keep, config=Config(trusted_proxies="127.0.0.1", forms_bound=4096))
    gate, body = Gate(), BEGIN.replace(b'"file"', b'"picture"')

    async def ask(*forwarded: str, size: int, gate: Gate | None = None) -> int:
        headers = [("Content-Type", KIND["content-type"]), *(("X-Forwarded-For", one) for one in forwarded)]
        pieces = sent(body, b"x" * size, END, gate=gate)
        return (await client.post("/walker/keep", headers=headers, content=pieces)).status_code

    held = asyncio.create_task(ask("192.0.2.1", "192.0.2.2", size=1500, gate=gate))
    await gate.reached.wait()
    assert await ask("192.0.2.2", size=900) == 503
    assert await ask("192.0.2.1", size=900) == 200
    gate.opened.set()
    assert await held == 200
