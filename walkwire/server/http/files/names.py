"""Names: which paths may name a file, and which files are never served. Knows no file system."""

from __future__ import annotations

import re
import unicodedata

INDEX = "index.html"
LONGEST = 1024  # characters of a path
DEEPEST = 32  # folders in it

# Refused in every folder, also with an ending that editors and tools add.
_PRIVATE = frozenset({"py", "pyi", "pyc", "pyo", "pyd", "jac", "jir", "secret"})
_DATABASE = frozenset({"db", "db3", "sqlite", "sqlite3"})
_BESIDE_A_DATABASE = ("", "-wal", "-shm", "-journal")
_COPY = frozenset({"bak", "orig", "old", "save", "swp", "tmp", "rej", "gz", "br", "zst"})
_PRIVATE_NAMES = frozenset({"walkwire.toml"})

# What may be served of a folder that holds the program itself. Other files have to be in `public/`.
_PAGES = {"html", "htm", "css", "js", "mjs", "cjs", "map", "wasm", "webmanifest"}
_PICTURES = {"svg", "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp"}
_FONTS = {"woff", "woff2", "ttf", "otf"}
_MEDIA = {"mp3", "m4a", "ogg", "oga", "opus", "wav", "flac", "mp4", "m4v", "webm", "ogv", "vtt"}
_WEB = frozenset(_PAGES | _PICTURES | _FONTS | _MEDIA)
_WEB_NAMES = frozenset({"robots.txt", "manifest.json"})
_NO_WEB_FOLDERS = frozenset({"node_modules", "__pycache__", "__jac_cache__"})

_ENCODED = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)  # a slash, a backslash and NUL in a name
_ODD = re.compile(r'[\\:*?"<>|]|~[0-9]')  # special on Windows: drives, streams, wildcards, short names
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\..*)?", re.IGNORECASE)
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # categories: some file systems ignore such characters


def parts_of(path: str, raw_path: bytes) -> tuple[str, ...] | None:
    """Return the names in a request's path, the last one "" if it ends with a slash. None: no file may have it.

    - path: decoded, as in ASGI
    - raw_path: as it was sent
    """
    if not path.startswith("/") or len(path) > LONGEST or _ENCODED.search(raw_path):
        return None
    parts = tuple(path[1:].split("/"))
    if len(parts) > DEEPEST or not all(map(_is_plain, parts[:-1])):
        return None
    return parts if not parts[-1] or _is_plain(parts[-1]) else None


def is_served(parts: tuple[str, ...], *, is_public: bool) -> bool:
    """Return whether a file with this path inside its folder may be served.

    - parts: plain names, as `parts_of` returns them
    - is_public: whether the folder holds nothing else; if not, it is the program's own, and only web files are served
    """
    *folders, name = parts
    hidden = folders[1:] if is_public and folders[:1] == [".well-known"] else folders  # RFC 8615
    if any(one.startswith(".") for one in (*hidden, name)) or not all(map(_is_plain, parts)):
        return False
    name = name.lower()
    if name in _PRIVATE_NAMES or _is_private(name):
        return False
    if is_public:
        return True
    if any(one.lower() in _NO_WEB_FOLDERS for one in folders):
        return False
    _, dot, ending = name.rpartition(".")
    return name in _WEB_NAMES or (bool(dot) and ending in _WEB)


def _is_plain(name: str) -> bool:
    if name in ("", ".", "..") or name[-1] in ". " or _ODD.search(name) or _DEVICE.fullmatch(name):
        return False
    return (name.isascii() and name.isprintable()) or not any(
        unicodedata.category(one) in _UNSEEN for one in name
    )


def _is_private(name: str) -> bool:
    name = name.rstrip("~#")
    ending = name.rpartition(".")[2]
    while ending in _COPY:
        name = name.rpartition(".")[0].rstrip("~#")
        ending = name.rpartition(".")[2]
    return ending in _PRIVATE or any(
        ending == database + more for database in _DATABASE for more in _BESIDE_A_DATABASE
    )
