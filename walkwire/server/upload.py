"""Upload: stores uploaded files as fields of a walker that runs as a task, so that they outlive the request."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

from fastapi import UploadFile
from starlette.datastructures import Headers
from starlette.datastructures import UploadFile as Upload

from walkwire.errors import TooLarge
from walkwire.walk.graph.codec import keep_class

LIMIT = 16 * 1024 * 1024  # bytes, of all files of one walker


def keep_uploads() -> None:
    """Register the codec of uploaded files. May be called again."""
    keep_class(Upload, _written, _from_stored)


def check_size(values: Iterable[Any]) -> None:
    """Raise TooLarge if the files among these values have more than LIMIT bytes."""
    if sum(_size(value) for value in values) > LIMIT:
        raise TooLarge(f"A walker that walks later takes files of {LIMIT >> 20} MiB in all")


def _size(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_size, value))
    return value.size or 0 if isinstance(value, Upload) else 0


def _written(value: Any) -> Any:
    if not isinstance(value, Upload):
        return value
    return {
        "filename": value.filename,
        "headers": dict(value.headers),
        "data": base64.b64encode(_content(value)).decode(),
    }


def _content(upload: Upload) -> bytes:
    """Return the whole content, and restore the file's position. Empty if the program has closed the file."""
    file = upload.file
    if file.closed:
        return b""
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _from_stored(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    data = base64.b64decode(value["data"])
    headers = Headers(value["headers"])
    return UploadFile(io.BytesIO(data), size=len(data), filename=value["filename"], headers=headers)
