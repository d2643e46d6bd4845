"""Cache: stores the code of translated modules. The key covers the sources and the translator itself."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache as once
from pathlib import Path
from types import CodeType

from walkwire.jac.era import Era
from walkwire.jac.source import Source

_HEADER = b"walkwire jac\n"


def cached(sources: list[Source], era: Era | None, depth: int, make: Callable[[], CodeType]) -> CodeType:
    """Return the code of these sources from the cache, or call `make` and store its result.

    A truncated file, or a file of another version, is replaced. A file that cannot be written is not an error.
    """
    place = _place(Path(sources[0].path), _key(sources, era, depth))
    code = _load(place)
    if code is None:
        code = make()
        with suppress(OSError):
            _store(place, code)
    return code


def _key(sources: list[Source], era: Era | None, depth: int) -> str:
    digest = hashlib.blake2b(_version(), digest_size=16)
    digest.update(repr((era, depth)).encode())
    for source in sources:
        digest.update(f"\0{source.path}\0".encode("utf-8", "surrogatepass"))
        digest.update(source.text.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


@once
def _version() -> bytes:
    """Return a digest of Python's code format, and of the sizes and times of the files in this folder."""
    digest = hashlib.blake2b(importlib.util.MAGIC_NUMBER, digest_size=16)
    room = Path(__file__).parent
    for file in sorted([*room.rglob("*.py"), *room.rglob("*.json")]):
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\0".encode())
    return digest.digest()


def _place(path: Path, key: str) -> Path:
    return _folder(path.parent) / f"{path.stem}.{sys.implementation.cache_tag}.{key}.bin"


def _folder(beside: Path) -> Path:
    """Return `__jac_cache__` beside the source if it is writable, else the user's cache folder."""
    if os.access(beside, os.W_OK):
        return beside / "__jac_cache__"
    return Path.home() / ".cache" / "walkwire" / "jac"


def _load(place: Path) -> CodeType | None:
    try:
        data = place.read_bytes()
    except OSError:
        return None
    header, checksum, body = (
        data[: len(_HEADER)],
        data[len(_HEADER) : len(_HEADER) + 16],
        data[len(_HEADER) + 16 :],
    )
    if header != _HEADER or hashlib.blake2b(body, digest_size=16).digest() != checksum:
        return None
    code = marshal.loads(body)  # noqa: S302 - what this process or its like has written, as Python's own cache
    return code if isinstance(code, CodeType) else None


def _store(place: Path, code: CodeType) -> None:
    """Write the file atomically: to a temporary file, which is then renamed. Delete older files of the same source."""
    body = marshal.dumps(code)
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=place.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_HEADER + hashlib.blake2b(body, digest_size=16).digest() + body)
        Path(temporary).replace(place)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    stem = place.name.rpartition(".")[0].rpartition(".")[0]
    for old in place.parent.glob(f"{stem}.*.bin"):
        if old != place:
            with suppress(OSError):
                old.unlink()
