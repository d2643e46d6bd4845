"""Upload: an uploaded file in a walker that walks later. It is kept with the walker, whole, so that it outlives the request."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

from fastapi import UploadFile
from starlette.datastructures import Headers
from starlette.datastructures import UploadFile as Upload

from walkwire.errors import PublicError
from walkwire.walk.graph.codec import keep_class

LIMIT = 16 * 1024 * 1024  # bytes, of all files of one such walker


def keep_uploads() -> None:
    """Let uploaded files be stored in fields. Calling it again changes nothing."""
    keep_class(Upload, _written, _read)


def check_size(values: Iterable[Any]) -> None:
    """Raise PublicError, 413, where the files among these are more than may be kept."""
    if sum(_size(value) for value in values) > LIMIT:
        raise PublicError(
            "too_long", f"A walker that walks later takes files of {LIMIT >> 20} MiB in all", status=413
        )


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
    """All of it, from wherever the program has read up to; nothing of one that the program has closed."""
    file = upload.file
    if file.closed:
        return b""
    place = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(place)
    return content


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    data = base64.b64decode(value["data"])
    headers = Headers(value["headers"])
    return UploadFile(io.BytesIO(data), size=len(data), filename=value["filename"], headers=headers)
