"""Literals: translates strings and f-strings, lists, sets, dicts and comprehensions."""

from __future__ import annotations

import ast
import warnings

from walkwire.jac.syntax.tree import Part, Token, Tree
from walkwire.jac.translate.scope import Scope, at, express, expression, from_to, operate
from walkwire.jac.translate.target import target


@expression("string")
def _string(scope: Scope, tree: Tree) -> ast.expr:
    """Translate adjacent strings to one string. If one of them is an f-string, the result is an f-string."""
    pieces: list[ast.expr] = []
    for part in tree.parts:
        if isinstance(part, Tree):
            pieces += _pieces(scope, part)
        else:
            pieces.append(at(ast.Constant(string_value(part)), part))
    joined = _merged(pieces)
    if tree.has("fstring"):
        return at(ast.JoinedStr(joined), tree)
    if len(joined) > 1:
        scope.unit.wrong(tree, "bytes and text cannot stand side by side")
    return at(joined[0], tree)


@expression("STRING")
def _single_string(_: Scope, token: Part) -> ast.expr:
    return at(ast.Constant(string_value(token)), token)


def string_value(token: Part) -> str | bytes:
    """Return the value of a string token. If Python cannot read its escapes, the text is used unchanged, as in Jac."""
    assert isinstance(token, Token)
    text = token.text
    start = 0
    while text[start] not in "\"'":
        start += 1
    quotes = 3 if text[start : start + 3] in ('"""', "'''") and len(text) >= start + 6 else 1
    if "\\" not in text and "b" not in text[:start].lower():
        return _with_newlines(text[start + quotes : -quotes])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value: str | bytes = ast.literal_eval(text)
        except (SyntaxError, ValueError):
            return text[start + quotes : -quotes]
    return value


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _pieces(scope: Scope, tree: Tree) -> list[ast.expr]:
    """Return the texts and fields of an f-string. As in Jac, escapes stay: `f"\\n{x}"` has a backslash and an n."""
    return [_piece(scope, part) for part in tree.parts[1:-1]]


def _piece(scope: Scope, part: Part) -> ast.expr:
    if isinstance(part, Tree):
        return _field(scope, part)
    text = _with_newlines(part.text).replace("{{", "{").replace("}}", "}")
    return at(ast.Constant(text), part)


def _field(scope: Scope, tree: Tree) -> ast.expr:
    conversion = tree.token("CONVERSION")
    form = tree.find("format")
    spec = None
    if form:
        spec = at(ast.JoinedStr(_merged([_piece(scope, part) for part in form.parts[1:]])), form)
    value = express(scope, tree.parts[1])
    return at(ast.FormattedValue(value, ord(conversion.text[1]) if conversion else -1, spec), tree)


def _merged(pieces: list[ast.expr]) -> list[ast.expr]:
    """Merge adjacent constants."""
    merged: list[ast.expr] = []
    for piece in pieces:
        joined = _joined(merged[-1], piece) if merged else None
        if joined is None:
            merged.append(piece)
        else:
            merged[-1] = joined
    return merged


def _joined(first: ast.expr, second: ast.expr) -> ast.expr | None:
    if not isinstance(first, ast.Constant) or not isinstance(second, ast.Constant):
        return None
    one, other = first.value, second.value
    joined: str | bytes | None = None
    if isinstance(one, str) and isinstance(other, str):
        joined = one + other
    if isinstance(one, bytes) and isinstance(other, bytes):
        joined = one + other
    return None if joined is None else from_to(ast.Constant(joined), first, second)


@expression("list")
def _list(scope: Scope, tree: Tree) -> ast.expr:
    return _own(scope, at(ast.List([express(scope, part) for part in tree.parts], ast.Load()), tree), tree)


def _own(scope: Scope, value: ast.expr, tree: Tree) -> ast.expr:
    """Return the list as an instance of Jac's own list class, if the program can detect the difference."""
    return operate(scope, "JacList", [value], tree) if scope.unit.has_lists else value


@expression("set")
def _set(scope: Scope, tree: Tree) -> ast.expr:
    return at(ast.Set([express(scope, part) for part in tree.parts]), tree)


@expression("dict")
def _dict(scope: Scope, tree: Tree) -> ast.expr:
    keys: list[ast.expr | None] = []
    values: list[ast.expr] = []
    for part in tree.parts:
        assert isinstance(part, Tree)
        keys.append(express(scope, part.parts[0]) if part.kind == "pair" else None)
        values.append(express(scope, part.parts[-1]))
    return at(ast.Dict(keys, values), tree)


@expression("comprehension")
def _comprehension(scope: Scope, tree: Tree) -> ast.expr:
    return express(scope, tree.parts[0])


@expression("generator")
def _generator(scope: Scope, tree: Tree) -> ast.expr:
    return at(ast.GeneratorExp(express(scope, tree.parts[0]), _loops(scope, tree)), tree)


@expression("list_comprehension")
def _list_comprehension(scope: Scope, tree: Tree) -> ast.expr:
    return _own(scope, at(ast.ListComp(express(scope, tree.parts[0]), _loops(scope, tree)), tree), tree)


@expression("set_comprehension")
def _set_comprehension(scope: Scope, tree: Tree) -> ast.expr:
    return at(ast.SetComp(express(scope, tree.parts[0]), _loops(scope, tree)), tree)


@expression("dict_comprehension")
def _dict_comprehension(scope: Scope, tree: Tree) -> ast.expr:
    pair = tree.parts[0]
    assert isinstance(pair, Tree)
    key, value = (express(scope, part) for part in pair.parts)
    return at(ast.DictComp(key, value, _loops(scope, tree)), tree)


def _loops(scope: Scope, tree: Tree) -> list[ast.comprehension]:
    return [_loop(scope, part) for part in tree.find_all("comprehension_for")]


def _loop(scope: Scope, tree: Tree) -> ast.comprehension:
    variable, iterated = (part for part in tree.parts if part.kind not in ("ASYNC", "comprehension_if"))
    tests = [express(scope, part.parts[0]) for part in tree.find_all("comprehension_if")]
    return ast.comprehension(target(scope, variable), express(scope, iterated), tests, int(tree.has("ASYNC")))
