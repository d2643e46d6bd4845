"""Media: the types of files by their names. The same on every machine: the system's own list is not asked."""

from __future__ import annotations

from mimetypes import MimeTypes

UNKNOWN = "application/octet-stream"

_OWN = {
    "js": "text/javascript",
    "mjs": "text/javascript",
    "cjs": "text/javascript",
    "map": "application/json",
    "json": "application/json",
    "jsonld": "application/ld+json",
    "geojson": "application/geo+json",
    "webmanifest": "application/manifest+json",
    "wasm": "application/wasm",
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "csv": "text/csv",
    "md": "text/markdown",
    "txt": "text/plain",
    "xml": "text/xml",
    "vtt": "text/vtt",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
    "avif": "image/avif",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "glb": "model/gltf-binary",
    "gltf": "model/gltf+json",
    "gz": "application/gzip",
    "zip": "application/zip",
    "pdf": "application/pdf",
}
_OTHERS = MimeTypes(filenames=()).types_map[True]
_SQUEEZABLE = frozenset(
    {
        "application/json",
        "application/wasm",
        "application/xml",
        "application/rtf",
        "font/ttf",
        "font/otf",
        "image/svg+xml",
        "image/x-icon",
        "image/bmp",
    }
)


def type_of(name: str) -> str:
    """Return the media type of a file's name, without parameters."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    return _OWN.get(ending) or _OTHERS.get(f".{ending}", UNKNOWN)


def content_type_of(media_type: str) -> str:
    """Return the type as a header: text is UTF-8."""
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def is_squeezable(media_type: str) -> bool:
    """Return whether such files become much smaller when they are compressed."""
    return (
        media_type in _SQUEEZABLE or media_type.startswith("text/") or media_type.endswith(("+json", "+xml"))
    )
