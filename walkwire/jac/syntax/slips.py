"""Slips: recognises common mistakes, and says for each what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from walkwire.jac.syntax.tree import Token

NO_MODEL = "a body filled by a language model (`by`) is outside of what walkwire runs"


class Place(Protocol):
    """The parser at the position of an error."""

    def may_take(self, kind: str) -> bool:
        """Return whether a token of this kind is possible here."""

    def row(self) -> dict[str, int]:
        """Return the actions of the current state."""

    def opened(self) -> Token | None:
        """Return the innermost open bracket; None if there is none."""

    def called(self) -> Token | None:
        """Return the word in front of the innermost open bracket; None if there is no single word."""

    def begun(self, kind: str, around: int = 0) -> bool:
        """Return whether an unfinished part behind the innermost open bracket begins with a token of this kind.

        `around` selects a bracket that is so many levels further out.
        """

    def left_of(self, token: Token) -> str:
        """Return the text of the line in front of the token."""


Slip = Callable[[Place, Token, Token | None], str]

# Each function gets the position, the unexpected token and the token before it. It returns a sentence, or "".


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
        if before.text == "self":
            return (
                "`self` is there without being named: leave it out (in a `class` it needs a type, `self: A`)"
            )
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


def _increment(place: Place, token: Token, before: Token | None) -> str:
    twice = place.left_of(token).rstrip()[-2:]
    if token.kind in ("SEMICOLON", "RPAR", "LBRACE") and before is not None and twice in ("++", "--"):
        return f"Jac has no `{twice}`: write `{twice[0]}= 1`"
    return ""


def _complex(_: Place, token: Token, before: Token | None) -> str:
    touches = before is not None and (before.end_line, before.end_column) == (token.line, token.column)
    if token.text in ("j", "J") and touches and before is not None and before.kind in ("INT", "FLOAT"):
        return "Jac has no complex numbers: write `complex(0, 2)` for `2j`"
    return ""


def _visit_value(place: Place, token: Token, before: Token | None) -> str:
    for word in (token, before, place.called()):
        if word is None or word.text not in _NO_VALUE:
            continue
        if word.kind == "NAME" or (word is token and place.may_take("NAME")):
            return f"`{word.text}` is a statement: it has no value"
    return ""


_NO_VALUE = frozenset(("visit", "report", "return", "disengage"))


def _markup(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "LESS" and place.may_take("NAME"):
        return "markup (`<…>`) is client code, which runs in a browser: walkwire runs the server's side of a program"
    return ""


def _untyped_field(place: Place, token: Token, before: Token | None) -> str:
    if token.kind in ("SEMICOLON", "COMMA", "__ANON_0") and _is(before, "NAME") and place.begun("HAS"):
        return f"a field needs a type: `{before.text}: int`" if before and place.may_take("COLON") else ""
    return ""


def _field_without_has(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "NAME" and place.may_take("HAS") and not place.may_take("WHILE"):
        return f"a field begins with `has`: `has {token.text}: int;`"
    return ""


def _untyped_lambda(place: Place, token: Token, _: Token | None) -> str:
    if (
        token.kind in ("SEMICOLON", "RPAR", "RSQB", "RBRACE")
        and place.begun("LAMBDA")
        and place.may_take("COLON")
    ):
        return "a parameter of a lambda needs a type: `lambda x: int : x + 1`"
    return ""


def _arrow_function(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "GREATER" and place.left_of(token).endswith("="):
        return "Jac has no `=>`: a function without a name is `lambda x: int : x + 1`"
    return ""


def _bare_arrow(place: Place, token: Token, before: Token | None) -> str:
    if token.kind in _ARROWS and not _is(place.opened(), "LSQB"):
        return f"`{token.text}` stands in brackets, `[{token.text}]`; two nodes are connected by `++>`"
    if token.kind == "COLON" and before is not None and before.kind in _ARROWS and place.may_take("RSQB"):
        return "edges of a type are written `[->:Road:->]`"
    return ""


_ARROWS = frozenset(("ARROW_OUT", "ARROW_IN", "ARROW_BOTH"))


def _event(place: Place, token: Token, before: Token | None) -> str:
    if token.text == "with" and place.begun("DEF"):
        return "what runs by itself where a walker comes is `can`, not `def`: `can go with entry { … }`"
    if token.kind == "NAME" and before is not None and before.kind in ("ENTRY", "EXIT"):
        return f"the type stands in front: `with {token.text} {before.text}`"
    return ""


def _case(place: Place, token: Token, _: Token | None) -> str:
    if token.kind == "LBRACE" and place.begun("CASE") and place.may_take("COLON"):
        return "behind the pattern stands a colon, and then statements without braces: `case 1: x = 2;`"
    return ""


def _enum_members(place: Place, token: Token, _: Token | None) -> str:
    if token.kind in ("SEMICOLON", "NAME") and place.may_take("RBRACE") and place.begun("ENUM", around=1):
        return "the members of an enum are parted by commas"
    return ""


def _closes_nothing(place: Place, token: Token, _: Token | None) -> str:
    is_closing = token.kind in ("RBRACE", "RPAR", "RSQB")
    return f"`{token.text}` closes nothing that is open" if is_closing and place.opened() is None else ""


def _import(place: Place, token: Token, before: Token | None) -> str:
    is_python = token.text == "from" and place.may_take("IMPORT") and place.may_take("WALKER")
    is_half = token.text == "import" and place.may_take("LBRACE") and place.may_take("DOT")
    if is_python or is_half or (token.kind == "LBRACE" and _is(before, "IMPORT")):
        return "names are imported by `import from math { sqrt }`"
    return ""


def _call_without_parentheses(_: Place, token: Token, before: Token | None) -> str:
    if (
        before is not None
        and before.text == "print"
        and token.kind in ("STRING", "FSTRING_START", "NAME", "INT")
    ):
        return "a call needs parentheses: `print(…)`"
    return ""


def _word_of_another_language(place: Place, token: Token, before: Token | None) -> str:
    if token.text in _OTHERS and (place.may_take("WALKER") or place.may_take("LBRACE")):
        return _OTHERS[token.text]
    if (
        before is not None
        and before.kind == "NAME"
        and before.text in _BEHIND
        and place.may_take("SEMICOLON")
    ):
        return _BEHIND[before.text]
    return NO_MODEL if token.text == "by" else ""


_BASES = "bases stand in parentheses: `obj Cat(Pet) { … }`"
_OTHERS = {
    "function": "a function begins with `def`",
    "func": "a function begins with `def`",
    "fn": "a function begins with `def`",
    "extends": _BASES,
    "implements": _BASES,
    "sv": "`sv` marks the server's side, which is all that walkwire runs: leave the word out",
}
_BEHIND = {
    "var": "a variable begins with its name: `x = 5;`",
    "const": "a variable begins with its name: `x = 5;`",
    "else": "this `else` stands behind no block that it could belong to",
    "elif": "this `elif` stands behind no `if`",
    "except": "this `except` stands behind no `try`",
    "finally": "this `finally` stands behind no `try`",
}


def _is(token: Token | None, kind: str) -> bool:
    return token is not None and token.kind == kind


SLIPS: tuple[Slip, ...] = (
    _else_if,
    _type_filter,
    _bare_arrow,
    _event,
    _case,
    _colon_for_block,
    _untyped_field,
    _field_without_has,
    _untyped_parameter,
    _untyped_lambda,
    _bare_tuple,
    _question,
    _increment,
    _complex,
    _arrow_function,
    _enum_members,
    _closes_nothing,
    _import,
    _word_of_another_language,
    _call_without_parentheses,
    _visit_value,
    _markup,
)
