"""Advice: the error message for an unexpected token, and for common mistakes what to write instead."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from walkwire.jac.syntax.slips import SLIPS, Place
from walkwire.jac.syntax.tables import tables
from walkwire.jac.syntax.tree import Token

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
# Expected tokens that are named first. The others follow in alphabetical order.
_FIRST = ("SEMICOLON", "RPAR", "RSQB", "RBRACE", "LBRACE", "COLON", "COMMA", "LPAR", "__ANON_0")
_BEGINS_EXPRESSION = frozenset(("NAME", "INT", "LPAR", "NOT"))
_BEGINS_STATEMENT = frozenset(("RETURN", "WHILE", "IF"))
_INFIX = frozenset(("AND", "OR", "IS", "PERCENT"))
_MOST_NAMED = 4


class Advice(NamedTuple):
    """The token to point at (`behind`: point behind its end), and a sentence."""

    token: Token
    message: str
    behind: bool = False


def advise(place: Place, token: Token, before: Token | None) -> Advice:
    """Return the message for an unexpected token. `before` is the token in front of it; None at the start."""
    if token.text in OUTSIDE and place.may_take("WALKER"):
        return Advice(token, OUTSIDE[token.text])
    for slip in SLIPS:
        if said := slip(place, token, before):
            return Advice(token, said)
    opened = place.opened()
    if opened is not None and (_ends(place, token, opened) or _closes_another(token, opened)):
        line = f" of line {opened.line}" if opened.line != token.line else ""
        return Advice(token, f"`{opened.text}`{line} is not closed before {_shown(token)}")
    if before is not None and _wants_semicolon(place) and _begins_anew(token, before):
        return Advice(before, "`;` is missing behind this", behind=True)
    named = _expected(place)
    if named == "a declaration":
        named += "; statements stand in a function, an ability or `with entry { … }`"
    return Advice(token, f"{_shown(token)} cannot stand here" + (f": expected {named}" if named else ""))


def _wants_semicolon(place: Place) -> bool:
    """Return whether `;` is possible here, and no statement can begin without it."""
    return place.may_take("SEMICOLON") and not any(
        place.may_take(kind) for kind in ("WALKER", "WHILE", "HAS")
    )


def _begins_anew(token: Token, before: Token) -> bool:
    return token.line > before.end_line or token.kind in ("RBRACE", "$END")


_PAIRS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}


def _ends(place: Place, token: Token, opened: Token) -> bool:
    """Return whether the token ends an expression that a closing bracket could have ended here."""
    ends = ("$END", "SEMICOLON") if opened.kind == "LBRACE" else ("$END", "SEMICOLON", "LBRACE")
    return token.kind == "$END" or (token.kind in ends and place.may_take(_PAIRS[opened.kind]))


def _closes_another(token: Token, opened: Token) -> bool:
    return token.kind in _PAIRS.values() and _PAIRS[opened.kind] != token.kind


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
