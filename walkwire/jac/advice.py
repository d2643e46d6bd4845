"""Advice: what is said about a token that cannot stand where it stands."""

from __future__ import annotations

from typing import Protocol

from walkwire.jac.tree import Token


class Reader(Protocol):
    """The parser at the place of the error."""

    def may_take(self, kind: str) -> bool: ...

    def row(self) -> dict[str, int]: ...


def describe(reader: Reader, token: Token, before: Token | None) -> tuple[Token, str]:
    """The token to point at and the sentence to say. `before` is the token before the strange one."""
    return token, f"unexpected {token.text!r}"
