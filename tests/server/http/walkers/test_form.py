"""Forms as they are read: what is counted while they are read and used, and what is left of them in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import Headers, UploadFile

from walkwire.errors import BadEvent, Busy, TooLarge
from walkwire.server.http.walkers.form import FormLimits, Forms, plain_name

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
