"""Era: the version of Jac that a file was written for. It matters only for text that the versions interpret differently."""

from __future__ import annotations

import re
from typing import TypeAlias

from walkwire.jac.syntax.tree import Token, Tree

Era: TypeAlias = tuple[int, int]
NEWEST: Era = (0, 9)

_COMMENT = re.compile(r"\ufeff?\s*#\s*jac:\s*0\.([789])\b")
_LEGACY_KINDS = frozenset(("legacy_path", "colon_bases", "language", "legacy_lambda"))
_LEGACY_TOKENS = frozenset(("LEGACY_KIND", "LEGACY_EDGES", "LEGACY_NODES"))
_LEGACY_SIGNS = frozenset(("-:", ":-", "+:", ":+"))


def era_of(text: str, trees: list[Tree]) -> Era:
    """Return the era of a file: the one that the comment in its first line names (`# jac: 0.7`). Without a comment it is 0.7 if
    the file contains syntax that only 0.7 had, else the newest."""
    said = _COMMENT.match(text)
    if said:
        return (0, int(said.group(1)))
    if any(_is_legacy(tree) for tree in trees):
        return (0, 7)
    return NEWEST


def parse_era(text: str) -> Era:
    """Parse an era as written on the command line: "0.7", "0.8" or "0.9". Raises ValueError for any other text."""
    said = re.fullmatch(r"0\.([789])(?:\.\d+)?", text.strip())
    if not said:
        raise ValueError(f"No era of Jac: {text!r} (there are 0.7, 0.8 and 0.9)")
    return (0, int(said.group(1)))


def _is_legacy(tree: Tree) -> bool:
    for part in tree.walk():
        if isinstance(part, Token):
            if part.kind in _LEGACY_TOKENS or part.text in _LEGACY_SIGNS:
                return True
        elif part.kind in _LEGACY_KINDS or (part.kind == "function" and part.has("CAN")):
            return True
    return False
