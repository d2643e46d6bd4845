"""Shown: data as the console shows it: its beginning, without secrets."""

from __future__ import annotations

import re

SHOWN = 600  # bytes of data in an entry

_SECRET = re.compile(r'("[^"]*(?:password|token|secret)[^"]*"\s*:\s*)"(?:[^"\\]|\\.)*("|$)', re.IGNORECASE)


def shown(data: bytes | str) -> str:
    """Return the beginning of a JSON text, with values masked whose name says that they are secrets."""
    text = data[: SHOWN * 4].decode(errors="replace") if isinstance(data, bytes) else data
    return _SECRET.sub(r'\1"**********\2', text[: SHOWN * 2])[:SHOWN]
