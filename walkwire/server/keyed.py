"""Keyed: what a call with a key is known by, and how a whole response that a program made is kept for further calls."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response, StreamingResponse

from walkwire.errors import BadEvent, BadReference
from walkwire.ids import PUBLIC_ROOT, parse_reference
from walkwire.store import KeyedCall
from walkwire.walk.run.request import Entry

KEPT_SECONDS = 24 * 60 * 60
SECRET_LENGTH = 22  # characters of 128 random bits in base64
_CHUNK = 1024 * 1024

_GUESSABLE = (
    f"Walks of callers who are not signed in share their keys, so a key has to be secret: use at least {SECRET_LENGTH} random"
    " characters, a UUID for example!"
)


def call_of(
    key: str,
    walker: str,
    root_id: str,
    entry: Entry,
    values: Mapping[str, Any],
    clock: Callable[[], float] = time.time,
) -> KeyedCall:
    """Return the record of a call with a key, before its walk. Reads uploaded files: call it in a thread if there are any.

    - values: of the walker's fields, those that the request has
    - clock: returns Unix seconds

    Raises BadEvent for a key that strangers might guess, if the walk is one of the public user.
    """
    if root_id == PUBLIC_ROOT and len(key) < SECRET_LENGTH:
        raise BadEvent(_GUESSABLE)
    request = [walker, _id_of(entry.node), sorted(entry.kinds or ()), _plain(dict(values))]
    made = clock()
    return KeyedCall(
        root_id,
        _digest(key.encode(errors="surrogatepass")),
        secrets.token_hex(8),
        _digest(_dumped(request).encode()),
        0,
        None,
        False,
        made,
        made + KEPT_SECONDS,
    )


def is_quick(values: Mapping[str, Any], longest: int) -> bool:
    """Return whether `call_of` takes no time worth a thread: the values are short, and have no parts."""
    return all(
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= longest)
        for value in values.values()
    )


def pack_response(response: Response) -> str | None:
    """Return a whole response as text. None if it is a stream, or does something after it is sent."""
    if isinstance(response, StreamingResponse | FileResponse) or response.background is not None:
        return None
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in response.raw_headers]
    body = base64.b64encode(bytes(response.body)).decode()
    return json.dumps([response.status_code, response.media_type, headers, body])


def unpack_response(text: str) -> Response:
    """Return the response that `pack_response` was given, made anew."""
    status, media_type, headers, body = json.loads(text)
    response = Response(base64.b64decode(body), status)
    response.media_type = media_type
    response.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return response


def _id_of(node: str | None) -> str | None:
    try:
        return None if node is None else parse_reference(node).id
    except BadReference:  # which the walk will refuse
        return node


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _dumped(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _plain(value: Any) -> Any:
    """Return a value as JSON can have it. Equal values give equal ones in every process, whatever the order of their parts."""
    plain: Any
    match value:
        case Enum():
            plain = value.name
        case None | bool() | int() | float() | str():
            plain = value
        case list() | tuple():
            plain = [_plain(one) for one in value]
        case dict():
            plain = {"": sorted(_dumped([_plain(key), _plain(one)]) for key, one in value.items())}
        case set() | frozenset():
            plain = sorted(_dumped(_plain(one)) for one in value)
        case bytes():
            plain = value.hex()
        case UploadFile():
            plain = [value.filename, value.content_type, _digest_of_file(value)]
        case BaseModel():
            given = value.model_fields_set  # others have defaults, which may be random
            plain = _plain({name: getattr(value, name) for name in type(value).model_fields if name in given})
        case _ if dataclasses.is_dataclass(value):
            plain = _plain(dict(_fields(value)))
        case _:
            plain = str(value)  # a time, a number of another kind, a UUID
    return plain


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(value):
        if not field.name.startswith("__"):
            yield field.name, getattr(value, field.name)


def _digest_of_file(upload: UploadFile) -> str:
    digest, file = hashlib.sha256(), upload.file
    file.seek(0)
    while part := file.read(_CHUNK):
        digest.update(part)
    file.seek(0)
    return digest.hexdigest()
