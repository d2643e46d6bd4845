"""Lexer: splits the source into tokens, one at a time, when the parser asks for them.

If a text can be two kinds of token, the lexer asks the parser which of them is possible: a word is a keyword only where a
keyword is possible. grammar.lark defines keywords and signs; this file handles tokens without a fixed text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NoReturn, Protocol

from walkwire.jac.syntax.tables import tables
from walkwire.jac.syntax.tree import Token

_STRING = r"""(?:[bB][rR]?|[rR][bB]?|[uU])?(?:
    \"\"\"(?:[^\\]|\\.)*?\"\"\" | '''(?:[^\\]|\\.)*?''' | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*')"""
_NUMBER = r"""(?P<FLOAT>(?:\d[\d_]*\.(?![.>])[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)
    |(?P<INT>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*)"""
_OPENERS = {
    "->:": "ARROW_OPEN",
    "-:": "ARROW_OPEN",
    "<-:": "ARROW_OPEN_IN",
    "+>:": "LINK_OPEN",
    "+:": "LINK_OPEN",
    "<+:": "LINK_OPEN_IN",
}
_CLOSER = {
    "-": {":->": "ARROW_CLOSE_OUT", ":<-": "ARROW_CLOSE", ":-": "ARROW_CLOSE"},
    "+": {":+>": "LINK_CLOSE_OUT", ":<+": "LINK_CLOSE", ":+": "LINK_CLOSE"},
}
_LEGACY = re.compile(
    r"""(?P<LEGACY_EDGES>:(?:e|edge):(?=\s*\[))|(?P<LEGACY_NODES>:(?:n|node):(?=\s*\[))
    |(?P<LEGACY_GLOBAL>:g(?:lobal)?:)|(?P<LEGACY_NONLOCAL>:(?:nl|nonlocal):)
    |(?P<LEGACY_KIND>:(?:obj|o|walker|w|node|n|edge|e|class|cls|enum|can|c|type|t):)""",
    re.VERBOSE,
)
# Keywords that Python has too are never names. For the others, the next sign often shows that a name is meant.
_PYTHONS_WORDS = """
    and as assert async await break class continue def del elif else except finally for from if import in is lambda nonlocal
    not or raise return try while with yield None True False
"""
_ALWAYS_KEYWORDS = frozenset(_PYTHONS_WORDS.split())
_MEANS_NAME = re.compile(r"\s*(?:=(?!=)|\.(?=[^\W\d])|,|\)|\]|for\b|(?:[-+*/%@&|^]|//|\*\*|<<|>>)=)")
# Keywords of some eras only. If a program defines one as a function, or imports it, the program's own name is meant.
_WORDS_OF_SOME_ERAS = "check ignore revisit flow wait skip test switch default impl sem"
_DISPUTED = frozenset(_WORDS_OF_SOME_ERAS.split())
_BRACKETS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}
_FSTRING_TEXT = {
    (quote, raw): re.compile(
        rf"(?:[^{{}}{quote[0]}{'' if raw else chr(92) * 2}{'' if len(quote) == 3 else chr(10)}]"
        rf"|{{{{|}}}}{'' if raw else '|' + chr(92) * 2 + '.'}{f'|{quote[0]}(?!{quote[:2]})' if len(quote) == 3 else ''})+",
        re.DOTALL,
    )
    for quote in ('"', "'", '"""', "'''")
    for raw in (False, True)
}
_CONVERSION = re.compile(r"![rsa](?=\s*[:}])")
_FORMAT_TEXT = re.compile(r"[^{}]+")


class Parser(Protocol):
    """What the lexer needs of the parser."""

    def may_take(self, kind: str) -> bool:
        """Return whether a token of this kind is possible here, rules that it would complete included."""

    def row(self) -> dict[str, int]:
        """Return the actions of the current state."""


class LexError(Exception):
    """No token begins with this text. Has the position of the text."""

    def __init__(self, message: str, token: Token) -> None:
        super().__init__(message)
        self.message = message
        self.token = token


class _Field:
    """State of the f-string that is being read: between its quotes, or inside one of its fields."""

    __slots__ = ("depth", "format", "inside", "quote", "raw")

    def __init__(self, quote: str, raw: bool) -> None:
        self.quote = quote
        self.raw = raw
        self.depth = 0
        self.inside = False
        self.format = 0


@cache
def _master() -> re.Pattern[str]:
    signs = "|".join(map(re.escape, sorted([*tables().signs, *_OPENERS], key=len, reverse=True)))
    signs = signs.replace("<" + re.escape("."), "<" + re.escape(".") + "(?![0-9])")
    return re.compile(
        rf"""(?P<SPACE>(?:[ \t\f\r\n\ufeff]+|\#\*[\s\S]*?\*\#|\#[^\n]*)+)
        |(?P<PYTHON>::py::[\s\S]*?::py::)
        |(?P<FSTRING>(?:[fF][rR]?|[rR][fF])(?:\"\"\"|'''|"|'))
        |(?P<STRING>{_STRING})
        |(?P<WORD>[^\W\d]\w*)
        |(?P<ESCAPED><>[^\W\d]\w*)
        |{_NUMBER}
        |(?P<SIGN>{signs})""",
        re.VERBOSE | re.DOTALL,
    )


class Lexer:
    """Reads one source. `take` returns the next token; after the last one, tokens of kind `$END`."""

    def __init__(self, source: str, start: int = 0) -> None:
        self.source = source
        self.previous: Token | None = None
        self._ascii = source.isascii()
        self._match = _master().match
        self._words = tables().words
        self._signs = tables().signs
        self._at = 0
        self._line = start + 1
        self._line_start = 0
        self._depth = 0
        self._edges: list[tuple[int, str]] = []
        self._fields: list[_Field] = []
        self._own: dict[str, bool] = {}

    def take(self, parser: Parser | None) -> Token:
        """Return the next token, of a kind that the parser can shift. Without a parser, each keyword is a keyword."""
        token = self._next(parser)
        self.previous = token
        return token

    def left_of(self, token: Token) -> str:
        """Return the text of the line in front of the token. It must be the token that was read last."""
        return self.source[self._line_start : self._at - len(token.text)]

    def _next(self, parser: Parser | None) -> Token:
        if self._fields and not self._fields[-1].inside:
            return self._fstring_text(self._fields[-1])
        while True:
            found = self._match(self.source, self._at)
            if found is None:
                return self._strange()
            kind = found.lastgroup
            if kind != "SPACE":
                break
            self._pass(found.end())
        text = found.group()
        if kind == "WORD":
            return self._word(text, parser)
        if kind == "SIGN":
            return self._sign(text, parser)
        if kind == "FSTRING":
            return self._fstring_start(text)
        if text in _EMPTY and self.source.startswith(text[-1], found.end()):
            self._fail(text + text[-1], f"this string is not closed: {text[-1] * 3} is missing")
        return self._token("NAME" if kind == "ESCAPED" else str(kind), text)

    def _pass(self, end: int) -> None:
        """Advance to `end` and count the lines."""
        newline = self.source.rfind("\n", self._at, end)
        if newline >= 0:
            self._line += self.source.count("\n", self._at, end)
            self._line_start = newline + 1
        self._at = end

    def _column(self) -> int:
        if self._ascii:
            return self._at - self._line_start
        return len(self.source[self._line_start : self._at].encode("utf-8", "surrogatepass"))

    def _token(self, kind: str, text: str) -> Token:
        line, column = self._line, self._column()
        self._pass(self._at + len(text))
        return Token(kind, text, line, column, self._line, self._column())

    def _strange(self) -> Token:
        if self._at >= len(self.source):
            return self._token("$END", "")
        field = self._fields[-1] if self._fields else None
        conversion = _CONVERSION.match(self.source, self._at)
        if field and conversion and self._depth == field.depth:
            return self._token("CONVERSION", conversion.group())
        self._fail(self.source[self._at])

    def _fail(self, text: str, message: str = "") -> NoReturn:
        token = self._token("?", text)
        raise LexError(message or _strange_sign(text, self.source[self._at : self._at + 1]), token)

    # Words: keyword or name?

    def _word(self, text: str, parser: Parser | None) -> Token:
        kind = self._words.get(text)
        if kind is None:
            return self._token("NAME", text)
        if text in _JOINED:
            joined = _JOINED[text].match(self.source, self._at)
            if joined:
                return self._token("IS_NOT" if text == "is" else "NOT_IN", joined.group())
        if parser is not None and self._is_name(text, kind, parser):
            kind = "NAME"
        return self._token(kind, text)

    def _is_name(self, text: str, kind: str, parser: Parser) -> bool:
        row = parser.row()
        if "NAME" not in row:
            return False
        if kind not in row or not parser.may_take(kind):
            return parser.may_take("NAME")
        if text in _ALWAYS_KEYWORDS or not parser.may_take("NAME"):
            return False
        return bool(_MEANS_NAME.match(self.source, self._at + len(text))) or self._is_own(text)

    def _is_own(self, text: str) -> bool:
        """Return whether the program defines this keyword of another era as a function, or imports it."""
        if text not in _DISPUTED:
            return False
        if text not in self._own:
            defines = rf"\b(?:def|can)\s*(?::\s*\w+\s+)?{text}\b|\bimport\b[^;{{]*\{{[^}}]*\b{text}\b"
            self._own[text] = bool(re.search(defines, self.source))
        return self._own[text]

    # Signs: what a colon begins depends on where it stands.

    def _sign(self, text: str, parser: Parser | None) -> Token:
        if text[0] == ":":
            return self._colon(text, parser)
        field = self._fields[-1] if self._fields else None
        if text in _OPENERS:
            self._edges.append((self._depth, text.strip("<>:")[0]))
            return self._token(_OPENERS[text], text)
        change = _BRACKETS.get(text)
        if change is not None:
            if field and text == "}" and self._depth == field.depth:
                return self._field_end(field)
            self._depth = max(0, self._depth + change)
            while self._edges and self._edges[-1][0] > self._depth:
                self._edges.pop()
        return self._token(self._signs[text], text)

    def _colon(self, text: str, parser: Parser | None) -> Token:
        if self.source.startswith("::py::", self._at):
            self._fail("::py::", "this block of Python is not closed by another `::py::`")
        field = self._fields[-1] if self._fields else None
        if field and self._depth == field.depth and self._begins_format():
            field.inside = False
            field.format += 1
            return self._token("FORMAT_START", ":")
        if self._edges and self._edges[-1][0] == self._depth:
            for closer, kind in _CLOSER[self._edges[-1][1]].items():
                if self.source.startswith(closer, self._at):
                    self._edges.pop()
                    return self._token(kind, closer)
        if parser is not None:
            legacy = _LEGACY.match(self.source, self._at)
            if legacy and parser.may_take(str(legacy.lastgroup)):
                return self._token(str(legacy.lastgroup), legacy.group())
        return self._token(self._signs[text], text)

    def _begins_format(self) -> bool:
        """Return whether a format begins here: `{x:>10}` has one, `{x :> f}` is a pipe, `{y := 5}` an assignment."""
        return not re.match(r":[>=]\s|:>\s*[^\W\d]\w*\s*[}(:|.]", self.source[self._at : self._at + 80])

    # f-strings

    def _fstring_start(self, text: str) -> Token:
        prefix = text.rstrip("\"'")
        self._fields.append(_Field(text[len(prefix) :], "r" in prefix.lower()))
        return self._token("FSTRING_START", text)

    def _fstring_text(self, field: _Field) -> Token:
        if field.format:
            found = _FORMAT_TEXT.match(self.source, self._at)
        else:
            found = _FSTRING_TEXT[field.quote, field.raw].match(self.source, self._at)
        if found:
            return self._token("FSTRING_TEXT", found.group())
        if field.format and self.source.startswith("}", self._at):
            return self._field_end(field)
        if self.source.startswith("{", self._at):
            field.inside = True
            field.depth = self._depth
            return self._token("FIELD_START", "{")
        if not field.format and self.source.startswith(field.quote, self._at):
            self._fields.pop()
            return self._token("FSTRING_END", field.quote)
        self._fields.pop()
        if self.source.startswith("}", self._at):
            self._fail("}", "a single } in an f-string: write }} for the sign itself")
        self._fail("", f"this f-string is not closed: {field.quote} is missing")

    def _field_end(self, field: _Field) -> Token:
        if not field.inside:
            field.format -= 1
        field.inside = False
        return self._token("FIELD_END", "}")


_EMPTY = ('""', "''")
_JOINED = {"is": re.compile(r"is\s+not\b"), "not": re.compile(r"not\s+in\b")}


def _strange_sign(text: str, following: str) -> str:
    if text in "\"'":
        return "this string is not closed"
    if text == "!":
        return "`!` is not an operator of Jac: write `not`"
    if text == "$":
        return "`$` has no meaning in Jac"
    return f"{text!r} begins nothing that Jac knows"
