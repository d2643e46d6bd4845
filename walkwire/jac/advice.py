"""Advice: what is said about a token that cannot stand where it stands, and for a common slip, what to write."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, Protocol

from walkwire.jac.tables import tables
from walkwire.jac.tree import Token

OUTSIDE = {
    "cl": "client code (`cl`) runs in a browser: walkwire runs the server's side of a program",
    "na": "native code (`na`) is compiled by Jac itself: walkwire runs what Python can run",
}
_PHRASES = {
    "NAME": "a name",
    "INT": "a number",
    "FLOAT": "a number",
    "STRING": "a string",
    "$END": "the end of the file",
    "ARROW_CLOSE": "`:->`",
    "LINK_CLOSE": "`:+>`",
    "FIELD_END": "`}`",
    "FSTRING_END": "the end of the f-string",
    "LEGACY_KIND": "",
}
# What is worth naming first; the rest follows in the order of the alphabet.
_FIRST = ("SEMICOLON", "RPAR", "RSQB", "RBRACE", "LBRACE", "COLON", "COMMA", "LPAR", "__ANON_0")
_BEGINS_EXPRESSION = frozenset(("NAME", "INT", "LPAR", "NOT"))
_BEGINS_STATEMENT = frozenset(("RETURN", "WHILE", "IF"))
_INFIX = frozenset(("AND", "OR", "IS", "PERCENT"))
_MOST_NAMED = 4


class Place(Protocol):
    """The parser where it can go no further."""

    def may_take(self, kind: str) -> bool:
        """Could a token of this kind stand here?"""

    def row(self) -> dict[str, int]:
        """The actions of the present state."""

    def opened(self) -> Token | None:
        """The bracket around this place, None outside of all."""

    def called(self) -> Token | None:
        """What stands in front of the bracket around this place, where that is one word."""


class Advice(NamedTuple):
    """The token to point at (`behind`: behind its end), and a sentence."""

    token: Token
    message: str
    behind: bool = False


def advise(place: Place, token: Token, before: Token | None) -> Advice:
    """What to say about a token that cannot stand here. `before` is the one in front of it, None at the start."""
    if token.text in OUTSIDE and place.may_take("WALKER"):
        return Advice(token, OUTSIDE[token.text])
    for slip in _SLIPS:
        if said := slip(place, token, before):
            return Advice(token, said)
    opened = place.opened()
    if opened is not None and (token.kind in ("$END", "SEMICOLON") or _closes_another(token, opened)):
        line = f" of line {opened.line}" if opened.line != token.line else ""
        return Advice(token, f"`{opened.text}`{line} is not closed before {_shown(token)}")
    if before is not None and _wants_semicolon(place) and _begins_anew(token, before):
        return Advice(before, "`;` is missing behind this", behind=True)
    named = _expected(place)
    return Advice(token, f"{_shown(token)} cannot stand here" + (f": expected {named}" if named else ""))


def _wants_semicolon(place: Place) -> bool:
    """May `;` stand here, and nothing begin without it?"""
    return place.may_take("SEMICOLON") and not any(
        place.may_take(kind) for kind in ("WALKER", "WHILE", "HAS")
    )


def _begins_anew(token: Token, before: Token) -> bool:
    return token.line > before.end_line or token.kind in ("RBRACE", "$END")


def _closes_another(token: Token, opened: Token) -> bool:
    pairs = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
    return token.kind in pairs.values() and pairs[opened.kind] != token.kind


def _shown(token: Token) -> str:
    if token.kind == "$END":
        return "the end of the file"
    text = token.text if len(token.text) <= 30 else token.text[:29] + "…"
    return f"`{text.splitlines()[0] if text.strip() else text}`"


def _expected(place: Place) -> str:
    kinds = {kind for kind in place.row() if place.may_take(kind)}
    named: list[str] = []
    if kinds >= _BEGINS_STATEMENT:
        named.append("a statement")
        kinds &= {"RBRACE"}
    elif kinds >= _BEGINS_EXPRESSION:
        named.append("an expression")
        kinds &= frozenset(_FIRST) - {"LPAR", "LBRACE"}
    elif kinds >= {"WALKER", "OBJ", "IMPORT"}:
        named.append("a declaration")
        kinds.clear()
    elif kinds >= _INFIX:
        kinds &= {*_FIRST, "AS", "TO"} - {"LPAR"}
        named.append("an operator")
    order = {kind: number for number, kind in enumerate(_FIRST)}
    phrases = [_phrase(kind) for kind in sorted(kinds, key=lambda kind: (order.get(kind, 99), kind))]
    named = [*dict.fromkeys(phrase for phrase in phrases if phrase), *named]
    if len(named) > _MOST_NAMED:
        return ""
    return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)


def _phrase(kind: str) -> str:
    return _PHRASES.get(kind, _texts().get(kind, ""))


@cache
def _texts() -> dict[str, str]:
    fixed = {**tables().words, **tables().signs}
    return {kind: f"`{text}`" for text, kind in fixed.items()}


# Common slips. Each looks at the place, the token and the one before it, and gives a sentence or "".


def _else_if(_: Place, token: Token, before: Token | None) -> str:
    return "`else if` is `elif` in Jac" if token.kind == "IF" and _is(before, "ELSE") else ""


def _colon_for_block(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "COLON" and place.may_take("LBRACE") and not place.may_take("NAME"):
        return "a block stands in braces, without a colon: `{ … }`"
    return ""


def _untyped_parameter(place: Place, token: Token, before: Token | None) -> str:
    opened = place.opened()
    if before is None or before.kind != "NAME" or token.kind not in ("COMMA", "RPAR", "__ANON_0"):
        return ""
    if opened is not None and opened.text == "(" and place.may_take("COLON") and not place.may_take("PLUS"):
        return f"a parameter needs a type: `{before.text}: int`"
    return ""


def _bare_tuple(place: Place, token: Token, _: Token | None) -> str:
    if token.kind != "COMMA":
        return ""
    if place.may_take("IN") and not place.may_take("SEMICOLON"):
        return "several names stand in parentheses: `for (k, v) in …`"
    if place.may_take("SEMICOLON") and place.may_take("__ANON_0"):
        return "several targets stand in parentheses: `(a, b) = (b, a);`"
    return "a tuple stands in parentheses: `(a, b)`" if place.may_take("SEMICOLON") else ""


def _type_filter(_: Place, token: Token, before: Token | None) -> str:
    return "a filter by type is written (`?Type)" if token.kind == "COLON" and _is(before, "QUESTION") else ""


def _question(_: Place, token: Token, before: Token | None) -> str:
    if token.kind == "QUESTION" or _is(before, "QUESTION"):
        return "Jac has no `a ? b : c`: write `b if a else c`"
    return ""


def _increment(_: Place, token: Token, before: Token | None) -> str:
    if (
        token.kind in ("SEMICOLON", "RPAR", "LBRACE")
        and before is not None
        and before.kind in ("PLUS", "MINUS")
    ):
        return f"Jac has no `{before.text * 2}`: write `{before.text}= 1`"
    return ""


def _complex(_: Place, token: Token, before: Token | None) -> str:
    touches = before is not None and (before.end_line, before.end_column) == (token.line, token.column)
    if token.text in ("j", "J") and touches and before is not None and before.kind in ("INT", "FLOAT"):
        return "Jac has no complex numbers: write `complex(0, 2)` for `2j`"
    return ""


def _visit_value(place: Place, token: Token, before: Token | None) -> str:
    for word in (token, before, place.called()):
        if word is not None and word.text in _NO_VALUE and (word is not token or place.may_take("NAME")):
            return f"`{word.text}` is a statement: it has no value"
    return ""


_NO_VALUE = frozenset(("visit", "report", "return", "disengage"))


def _markup(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "LESS" and place.may_take("NAME"):
        return "markup (`<…>`) is client code, which runs in a browser: walkwire runs the server's side of a program"
    return ""


def _is(token: Token | None, kind: str) -> bool:
    return token is not None and token.kind == kind


_SLIPS: tuple[Callable[[Place, Token, Token | None], str], ...] = (
    _else_if,
    _type_filter,
    _colon_for_block,
    _untyped_parameter,
    _bare_tuple,
    _question,
    _increment,
    _complex,
    _visit_value,
    _markup,
)
