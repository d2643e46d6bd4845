"""Inputs at their bounds: JSON values of a given size, each dear to read in its own way, and e-mail addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from walkwire.wire.message.text import DEPTH, DIGITS

Shape = Callable[[int], bytes]
"""Returns a JSON value (or what begins like one) of about so many bytes."""


def _repeated(piece: bytes, begin: bytes = b"[", end: bytes = b"]", last: bytes = b"") -> Shape:
    def shape(size: int) -> bytes:
        room = max(0, size - len(begin) - len(end) - len(last))
        return begin + (piece * (room // len(piece)))[: -1 if not last else None] + last + end

    return shape


def _keys(size: int) -> bytes:
    return b"{%s}" % b",".join(b'"k%07d":1' % number for number in range(max(1, size // 13)))


def _nest(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def _string(piece: str, last: str = "") -> Shape:
    each = piece.encode()
    return lambda size: b'"%s%s"' % (each * ((size - 32) // len(each)), last.encode())


SHAPES: dict[str, Shape] = {
    "numbers": _repeated(b"1,"),
    "floats": _repeated(b"1.2345678e-300,"),
    "empty lists": _repeated(b"[],"),
    "empty objects": _repeated(b"{},"),
    "objects": _repeated(b'{"name":1},'),
    "short texts": _repeated(b'"a",'),
    "nulls": _repeated(b"null,"),
    "keys": _keys,
    "one key again and again": _repeated(b'"a":1,', b"{", b"}"),
    "nests": _repeated(_nest(DEPTH - 4) + b","),
    "numbers, then a nest that is too deep": _repeated(b"1,", last=_nest(DEPTH + 1)),
    "empty lists, then a nest that is too deep": _repeated(b"[],", last=_nest(DEPTH + 1)),
    "objects, then no JSON": _repeated(b'{"a":1},', last=b"x"),
    "integers of many digits": _repeated(b"9" * DIGITS + b","),
    "an integer of too many digits": _repeated(b"1,", last=b"9" * (DIGITS + 1)),
    "a text": _string("x"),
    "a text of two-byte characters": _string("é"),
    "a text of escapes": _string("\\u00e9"),
    "a text of pairs": _string("\\ud83d\\ude00"),
    "a text of pairs, then a lone surrogate": _string("\\ud83d\\ude00", "\\ud800"),
    "a text of quotes": _string('\\"'),
    "spaces": lambda size: b" " * (size - 2) + b"{}",
    "open brackets": lambda size: b"[" * size,
    "no UTF-8": lambda size: b'"%s\xff"' % ("é".encode() * ((size - 32) // 2)),
}


CONTEXTS: dict[str, bytes] = {  # of the walker `typed`
    "wrong items": b'{"text":"a","items":[%s]}' % b",".join([b"1"] * 500_000),
    "items that lack a field": b'{"text":"a","items":[%s]}' % b",".join([b"{}"] * 340_000),
    "right items": b'{"text":"a","items":[%s]}' % b",".join([b'{"name":""}'] * 80_000),
    "as many right items as may be": b'{"text":"a","items":[%s]}' % b",".join([b'{"name":""}'] * 4900),
    "as many items that lack a field as may be": b'{"text":"a","items":[%s]}' % b",".join([b"{}"] * 4900),
    "items in items": b'{"text":"a","items":[%s]}'
    % b",".join([b'{"name":"","parts":[' * 20 + b"]}" * 20] * 2000),
    "a wrong table": b'{"text":"a","table":{%s}}' % b",".join(b'"%06d":"x"' % n for n in range(70_000)),
    "fields that there are not": b'{"text":"a",%s}' % b",".join(b'"%06d":1' % n for n in range(80_000)),
    "a number of many digits": b'{"text":"a","number":"%s"}' % (b"9" * 1_000_000),
    "a share of many digits": b'{"text":"a","share":"%s"}' % (b"9" * 1_000_000),
    "a day of many digits": b'{"text":"a","day":"%s"}' % (b"9" * 1_000_000),
    "a colour of many characters": b'{"text":"a","colour":"%s"}' % (b"9" * 1_000_000),
}


def emails(size: int) -> list[str]:
    """E-mail addresses that are dear to validate, of at most `size` characters."""
    return [
        "a" * size,
        "@" * size,
        "a@" + "b." * (size // 2 - 2) + "c",
        "a@" + "é." * (size // 2 - 2) + "c",
        "a@" + "xn--a." * (size // 6 - 1) + "c",
        "a@" + "é" * (size - 6) + ".com",
        "é" * (size - 10) + "@b.com",
        "." * (size - 10) + "@b.com",
        '"' + "a" * (size - 12) + '"@b.com',
        '"' + "\\" * (size - 12) + '"@b.com',
        "a@[" + "1" * (size - 6) + "]",
        "a@[IPv6:" + ":" * (size - 12) + "]",
        "a <" * (size // 3),
        " " * (size - 8) + "a@b.com",
        "\u1e9e" * (size - 10) + "@b.com",
        "a\u0301" * (size // 2 - 8) + "@b.com",
        "a@" + "\u0344" * (size - 8) + ".com",
    ]


def plain(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """Return a small value for a schema of OpenAPI."""
    if "$ref" in schema:
        return plain(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "default" in schema:
        return schema["default"]
    for many in ("anyOf", "oneOf", "allOf"):
        if many in schema:
            return plain(schema[many][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {
                name: plain(properties[name], schemas)
                for name in schema.get("required", ())
                if name in properties
            }
        case "array":
            return [plain(schema.get("items", {}), schemas)] * schema.get("minItems", 0)
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "null":
            return None
    return {"date": "2024-02-29", "email": "a@example.com"}.get(schema.get("format", ""), "a")
