"""Tree: the result of the parser: tokens and branches with their positions, without any meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias


class Token:
    """A keyword, sign, name, number or string. `kind` is its name in the grammar, `text` its text in the source.

    Lines count from 1. Columns are bytes of UTF-8 from 0, as in Python's `ast`.
    """

    __slots__ = ("column", "end_column", "end_line", "kind", "line", "text")

    def __init__(self, kind: str, text: str, line: int, column: int, end_line: int, end_column: int) -> None:
        self.kind = kind
        self.text = text
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    def __repr__(self) -> str:
        return f"{self.kind}({self.text!r})"


class Tree:
    """An occurrence of a grammar rule in the source, with its parts in order."""

    __slots__ = ("column", "end_column", "end_line", "kind", "line", "parts")

    def __init__(
        self, kind: str, parts: list[Part], line: int, column: int, end_line: int, end_column: int
    ) -> None:
        self.kind = kind
        self.parts = parts
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    def find(self, kind: str) -> Tree | None:
        """Return the first branch of this kind among the parts; None if there is none."""
        for part in self.parts:
            if part.kind == kind and type(part) is Tree:
                return part
        return None

    def find_all(self, kind: str) -> list[Tree]:
        """Return all branches of this kind among the parts."""
        return [part for part in self.parts if part.kind == kind and type(part) is Tree]

    def token(self, kind: str) -> Token | None:
        """Return the first token of this kind among the parts; None if there is none."""
        for part in self.parts:
            if part.kind == kind and type(part) is Token:
                return part
        return None

    def has(self, kind: str) -> bool:
        """Return whether there is a part of this kind."""
        return any(part.kind == kind for part in self.parts)

    def walk(self) -> Iterator[Part]:
        """Yield this branch and everything below it, in the order of the source."""
        stack: list[Part] = [self]
        while stack:
            part = stack.pop()
            yield part
            if type(part) is Tree:
                stack.extend(reversed(part.parts))

    def __repr__(self) -> str:
        return f"{self.kind}{self.parts!r}"


Part: TypeAlias = Tree | Token


def name_of(token: Part) -> str:
    """Return the name in a NAME token: `node` for `<>node`."""
    assert isinstance(token, Token)
    return token.text[2:] if token.text.startswith("<>") else token.text
