"""Expressions: translates names, constants, chains, calls and lambdas."""

from __future__ import annotations

import ast
from collections.abc import Callable

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.graph import indexed
from walkwire.jac.translate.names import METHODS, WANTED
from walkwire.jac.translate.scope import Scope, at, call, express, expression, name, operate


@expression("NAME")
def _name(scope: Scope, token: Part) -> ast.expr:
    assert isinstance(token, Token)
    text = token.text
    if text == "root":
        return operate(scope, "root", [], token)
    if text == "super":
        return call(name("super", token), [], token)
    if text in WANTED:
        scope.unit.wanted.add(text)
    return name(name_of(token), token)


@expression("TRUE", "FALSE", "NONE", "ELLIPSIS")
def _constant(_: Scope, token: Part) -> ast.expr:
    values = {"TRUE": True, "FALSE": False, "NONE": None, "ELLIPSIS": ...}
    return at(ast.Constant(values[token.kind]), token)


@expression("INT")
def _integer(scope: Scope, token: Part) -> ast.expr:
    assert isinstance(token, Token)
    text = token.text
    try:
        value = int(text, 0) if text[:1] == "0" and text[1:2].isalpha() else int(text)
    except ValueError:
        scope.unit.wrong(token, f"{text} is no number")
        value = 0
    return at(ast.Constant(value), token)


@expression("FLOAT")
def _float(_: Scope, token: Part) -> ast.expr:
    assert isinstance(token, Token)
    return at(ast.Constant(float(token.text)), token)


@expression("parenthesised")
def _parenthesised(scope: Scope, tree: Tree) -> ast.expr:
    """Translate parentheses: `(x)` is x, `(x,)` and `(x, y)` are tuples, `(def f() { })` is the function."""
    arguments = tree.find("arguments")
    if arguments is None:
        return express(scope, tree.parts[0]) if tree.parts else at(ast.Tuple([], ast.Load()), tree)
    first = arguments.parts[0]
    if len(arguments.parts) == 1 and first.kind not in ("keyword", "spread"):
        return express(scope, first)
    for part in arguments.parts:
        if part.kind in ("keyword", "spread"):
            scope.unit.wrong(part, "a tuple with names has a meaning only as what is piped into a call")
            return at(ast.Tuple([], ast.Load()), tree)
    items = [express(scope, part) for part in arguments.parts if part.kind != "COMMA"]
    return at(ast.Tuple(items, ast.Load()), tree)


@expression("attribute")
def _attribute(scope: Scope, tree: Tree) -> ast.expr:
    target, attribute = tree.parts[0], tree.parts[-1]
    if isinstance(target, Token) and target.text == "_":
        scope.unit.wanted.add("_")  # Jac's machine, as 0.8 names it; a variable of that name takes its place
    named = METHODS.get(name_of(attribute), name_of(attribute))
    return _guarded(
        scope, tree, express(scope, target), lambda value: ast.Attribute(value, named, ast.Load())
    )


@expression("attribute_of")
def _attribute_of(scope: Scope, tree: Tree) -> ast.expr:
    """Translate `x <. thing` to `thing.x`."""
    attribute, owner = tree.parts
    if not isinstance(attribute, Token) or attribute.kind != "NAME":
        scope.unit.wrong(attribute, "before `<.` stands the name of an attribute")
        return express(scope, owner)
    return at(ast.Attribute(express(scope, owner), name_of(attribute), ast.Load()), tree)


@expression("subscript")
def _subscript(scope: Scope, tree: Tree) -> ast.expr:
    indices = [part for part in tree.parts[1:] if part.kind not in ("QUESTION", "COMMA")]
    items = [express(scope, part) for part in indices]
    index = items[0]
    if len(items) > 1 or tree.has("COMMA"):
        index = at(ast.Tuple(items, ast.Load()), tree)
    value = indexed(scope, tree.parts[0], index)
    return _guarded(scope, tree, value, lambda value: ast.Subscript(value, index, ast.Load()))


@expression("slice")
def _slice(scope: Scope, tree: Tree) -> ast.expr:
    bounds: list[ast.expr | None] = [None]
    for part in tree.parts:
        if part.kind == "COLON":
            bounds.append(None)
        else:
            bounds[-1] = express(scope, part)
    lower, upper, step = (*bounds, None)[:3] if len(bounds) < 3 else bounds
    return at(ast.Slice(lower, upper, step), tree)


def _guarded(scope: Scope, tree: Tree, value: ast.expr, use: Callable[[ast.expr], ast.expr]) -> ast.expr:
    """Translate `x?.y`: None if x is None."""
    if len(tree.parts) < 2 or tree.parts[1].kind != "QUESTION":
        return at(use(value), tree)
    none = at(ast.Constant(None), tree)
    if isinstance(value, ast.Name):
        again = at(ast.Name(value.id, ast.Load()), tree)
        return at(ast.IfExp(again, at(use(value), tree), none), tree)
    held = scope.unit.fresh()
    asked = at(ast.IfExp(name(held, tree), at(use(name(held, tree)), tree), none), tree)
    return call(at(ast.Lambda(plain_arguments([held], tree), asked), tree), [value], tree)


@expression("call")
def _call(scope: Scope, tree: Tree) -> ast.expr:
    target = tree.parts[0]
    if by := tree.find("by_argument"):
        scope.unit.wrong(by, "a call filled by a language model (`by`) is outside of what walkwire runs")
    if (
        target.kind == "NAME"
        and isinstance(target, Token)
        and target.text == "super"
        and len(tree.parts) == 1
    ):
        return express(scope, target)
    generator = tree.find("generator")
    if generator:
        return call(express(scope, target), [express(scope, generator)], tree)
    return called(scope, express(scope, target), tree.find("arguments"), tree)


def called(scope: Scope, function: ast.expr, arguments: Tree | None, part: Part) -> ast.expr:
    """Return a call with its arguments as written: positional, by name, `*` and `**`."""
    places: list[ast.expr] = []
    keywords: list[ast.keyword] = []
    for argument in arguments.parts if arguments else ():
        if argument.kind == "keyword" and isinstance(argument, Tree):
            keywords.append(keyword(scope, argument))
        elif argument.kind == "spread" and isinstance(argument, Tree):
            keywords.append(at(ast.keyword(None, express(scope, argument.parts[-1])), argument))
        elif argument.kind != "COMMA":
            places.append(express(scope, argument))
    return at(ast.Call(function, places, keywords), part)


def keyword(scope: Scope, tree: Tree) -> ast.keyword:
    """Translate the argument `name=value`."""
    return at(ast.keyword(name_of(tree.parts[0]), express(scope, tree.parts[1])), tree)


@expression("ternary")
def _ternary(scope: Scope, tree: Tree) -> ast.expr:
    value, test, otherwise = (express(scope, part) for part in tree.parts)
    return at(ast.IfExp(test, value, otherwise), tree)


@expression("type_reference")
def _type_reference(scope: Scope, tree: Tree) -> ast.expr:
    """Translate a reference to a type: `` `root `` is the class of roots, `` `list `` is list, any other name is itself."""
    token = tree.parts[0]
    assert isinstance(token, Token)
    if token.text == "root":
        return at(ast.Attribute(name(scope.unit.operators, tree), "Root", ast.Load()), tree)
    return express(scope, token)


def plain_arguments(names: list[str], part: Part) -> ast.arguments:
    """Return parameters without types and defaults."""
    return ast.arguments([], [at(ast.arg(one), part) for one in names], None, [], [], None, [])
