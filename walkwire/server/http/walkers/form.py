"""Form: reads forms with uploaded files: how many bytes and parts they may have, and what a file may be called."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from walkwire.errors import BadEvent, Busy, PublicError, TooLarge
from walkwire.server.http.gone import disconnecting
from walkwire.server.http.route import Carrier, Checked, StrictRequest, strict_json
from walkwire.wire.message.aside import aside
from walkwire.wire.message.bounds import LONG

MEBIBYTE = 1024 * 1024
PART_LIMIT = MEBIBYTE  # bytes of a part that is no file
PARAMETERS = 64  # of a header: the time to read them grows with their square

OPEN_FORM = "walkwire.open_form"
READ_PART = "walkwire.read_part"

# Of the request that this task reads: the validation of a part does not know the request.
_element_limit: ContextVar[int] = ContextVar("element_limit", default=0)

_PIECE = 16 * 1024  # bytes that are parsed in one turn of the event loop
_LONGEST_NAME = 255  # characters of a file's name
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Limits of forms. A form beyond the first three is TooLarge.

    - file: bytes of a file
    - form: bytes of a form, its headers included
    - parts: files and other values in one form
    - held: bytes of all forms that this server reads and uses at one time; of one address, half of it. Beyond it: Busy
    """

    file: int = 16 * MEBIBYTE
    form: int = 32 * MEBIBYTE
    parts: int = 100
    held: int = 256 * MEBIBYTE


class Forms:
    """The forms that a server reads and uses at one time."""

    def __init__(self, limits: FormLimits) -> None:
        self.limits = limits
        self._held = 0
        self._held_of: dict[str, int] = {}

    def open(self, address: str) -> OpenForm:
        """Return what reads one form of a client. Close it after the request."""
        return OpenForm(self, address)

    def take(self, address: str, size: int) -> None:
        """Count bytes that have arrived. Raises Busy if there are too many, of all forms or of this address."""
        held = self._held_of.get(address, 0) + size
        if self._held + size > self.limits.held or held > self.limits.held // 2:
            raise Busy
        self._held += size
        self._held_of[address] = held

    def release(self, address: str, size: int) -> None:
        """Count bytes that are in use no longer."""
        self._held -= size
        left = self._held_of.pop(address, 0) - size
        if left > 0:
            self._held_of[address] = left


class OpenForm:
    """One form that is read or used."""

    def __init__(self, forms: Forms, address: str) -> None:
        self._forms = forms
        self._address = address
        self._size = 0

    def close(self) -> None:
        """Count its bytes no longer."""
        self._forms.release(self._address, self._size)
        self._size = 0

    async def read(self, headers: Headers, stream: AsyncIterator[bytes]) -> FormData:
        """Return the values and files of a multipart form. Raises TooLarge, Busy, BadEvent."""
        try:
            form = await _Parser(headers, self._counted(stream), self._forms.limits).parse()
        except MultiPartException as error:
            raise BadEvent(error.message) from None
        for _, value in form.multi_items():
            if isinstance(value, UploadFile):
                value.filename = plain_name(value.filename or "")
        return form

    async def _counted(self, stream: AsyncIterator[bytes]) -> Any:
        limit = self._forms.limits.form
        async for data in stream:
            if self._size + len(data) > limit:
                raise TooLarge(f"A form has at most {limit} bytes")
            self._forms.take(self._address, len(data))
            self._size += len(data)
            for start in range(0, len(data), _PIECE):
                yield data[start : start + _PIECE]
                await asyncio.sleep(0)


class FormRequest(StrictRequest):
    """A request that reads its form within the limits.

    - scope[OPEN_FORM]: reads the form
    - scope[READ_PART]: validates the part `body`, a JSON text; None: the form has no such part
    """

    async def form(self, **_: Any) -> FormData:  # type: ignore[override]  # FastAPI awaits it
        """Return the values and files. Raises Carrier, and HTTPException for a form of the other kind that is wrong."""
        state = self.app.state
        _element_limit.set(state.element_limit)
        header = self.headers.get("content-type", "")
        if header.count(";") > PARAMETERS:
            raise Carrier(BadEvent(f"A Content-Type has at most {PARAMETERS} parameters"))
        kind = header.partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            form: OpenForm = self.scope[OPEN_FORM]
            try:
                with disconnecting():
                    self._form = await form.read(self.headers, self.stream())
            except PublicError as error:
                raise Carrier(error) from None
        else:
            is_pairs = kind == "application/x-www-form-urlencoded"
            self._form = await self._pairs(state.forms.limits.parts) if is_pairs else FormData()
        return await self._checked(self._form)

    async def _pairs(self, limit: int) -> FormData:
        body = await self.body()
        if len(body) <= LONG:
            return pairs_of(body, limit)
        return await aside(pairs_of, body, limit)

    async def _checked(self, form: FormData) -> FormData:
        """Return a form whose part `body` is `Checked` if it is long."""
        part, read = form.get("body"), self.scope[READ_PART]
        size = 0 if part is None else len(part) if isinstance(part, str) else part.size or 0
        if read is None or size <= LONG:
            return form
        checked: Any = await aside(Checked, part, size, read)
        if isinstance(part, UploadFile):
            await part.close()  # FastAPI closes what it gets, and gets this no more
        return FormData([(name, checked if name == "body" else value) for name, value in form.multi_items()])


def pairs_of(body: bytes, limit: int) -> FormData:
    """Return the values of a form of pairs, `a=1&b=2`. Raises HTTPException if there are more than `limit`, or a long one."""
    pairs = list(filter(None, body.split(b"&", limit + 1)))
    if body.count(b"&") > limit or len(pairs) > limit:
        raise HTTPException(400, f"Too many fields. Maximum number of fields is {limit}.")
    values: list[tuple[str, str | UploadFile]] = []
    for pair in pairs:
        if len(pair) > PART_LIMIT:
            raise HTTPException(400, f"Field exceeded maximum size of {PART_LIMIT // 1024}KB.")
        name, _, value = pair.decode("latin-1").partition("=")
        values.append((unquote_plus(name), unquote_plus(value)))
    return FormData(values)


def part_json(part: bytes) -> Any:
    """Return the value of a JSON text that is a part of the form of this task. Raises as `strict_json`."""
    return strict_json(part, _element_limit.get())


def plain_name(name: str) -> str:
    """Return the last part of a file's name, so that a program which opens it stays in its folder. "file" if nothing is left."""
    name = _NOT_IN_NAMES.sub("", name.replace("\\", "/")).rpartition("/")[2].strip()[-_LONGEST_NAME:]
    return "file" if name in ("", ".", "..") else name


class _Parser(MultiPartParser):
    """Starlette's parser with limits. Keeps little of each file in memory: Starlette keeps a mebibyte, of a thousand files."""

    spool_max_size = 64 * 1024

    def __init__(self, headers: Headers, stream: Any, limits: FormLimits) -> None:
        # This class counts the parts: one more than Starlette may see.
        super().__init__(
            headers,
            stream,
            max_files=limits.parts + 1,
            max_fields=limits.parts + 1,
            max_part_size=PART_LIMIT,
        )
        self._limits = limits
        self._parts = 0
        self._file_size = 0

    def on_part_begin(self) -> None:
        self._parts += 1
        self._file_size = 0
        if self._parts > self._limits.parts:
            raise TooLarge(f"A form has at most {self._limits.parts} parts")
        super().on_part_begin()

    def on_headers_finished(self) -> None:
        if (self._current_part.content_disposition or b"").count(b";") > PARAMETERS:
            raise BadEvent(f"A Content-Disposition has at most {PARAMETERS} parameters")
        super().on_headers_finished()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part, pieces = self._current_part, self._file_parts_to_write
        if part.file is None:
            super().on_part_data(data, start, end)
            return
        self._file_size += end - start
        if self._file_size > self._limits.file:
            raise TooLarge(f"A file has at most {self._limits.file} bytes")
        # One write for each piece of a body, however many line ends are in it.
        if pieces and pieces[-1][0] is part:
            pieces[-1][1].extend(data[start:end])  # type: ignore[attr-defined]
        else:
            pieces.append((part, bytearray(data[start:end])))  # type: ignore[arg-type]
