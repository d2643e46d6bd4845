"""Targets: translates the targets of assignment, `for`, `with` and `del`."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.scope import Scope, at, express


def target(scope: Scope, part: Part) -> ast.expr:
    """Translate a part to a target of an assignment."""
    if isinstance(part, Token) and part.kind == "NAME":
        if part.text in ("root", "super"):
            scope.unit.wrong(
                part, f"`{part.text}` is a word of Jac: as a name of your own it is `<>{part.text}`"
            )
        return at(ast.Name(name_of(part), ast.Store()), part)
    return _stored(scope, express(scope, part), part, ast.Store())


def removed(scope: Scope, part: Part) -> list[ast.expr]:
    """Translate a part to targets of `del`: one, or each item of a tuple or list."""
    if isinstance(part, Token) and part.kind == "NAME":
        return [at(ast.Name(name_of(part), ast.Del()), part)]
    value = _stored(scope, express(scope, part), part, ast.Del())
    return value.elts if isinstance(value, ast.Tuple | ast.List) else [value]


def _stored(scope: Scope, value: ast.expr, part: Part, context: ast.expr_context) -> ast.expr:
    if isinstance(part, Tree) and scope.unit.has_lists:
        value = _plain(value)
    if isinstance(value, ast.Name | ast.Attribute | ast.Subscript):
        value.ctx = context
    elif isinstance(value, ast.Tuple | ast.List):
        value.ctx = context
        value.elts = [_stored(scope, item, part, context) for item in value.elts]
    elif isinstance(value, ast.Starred):
        value.ctx = context
        _stored(scope, value.value, part, context)
    elif isinstance(context, ast.Del):
        scope.unit.wrong(part, _not_deleted(scope, part))
    else:
        scope.unit.wrong(part, f"{_what(part)} cannot be assigned to")
    return value


def _not_deleted(scope: Scope, part: Part) -> str:
    """Return the sentence for a `del` of something that is no variable."""
    if scope.unit.era == (0, 7):
        return f"{_what(part)} cannot be deleted: `del` takes a name. A node is deleted by `destroy(x)`"
    if isinstance(part, Tree) and part.kind in ("edge_reference", "filtered"):
        return (
            "`del` takes a variable: delete each node by `for x in [-->] { del x; }`, "
            "or the edges alone by `here del --> [-->];`"
        )
    return f"{_what(part)} cannot be deleted: `del` takes a variable. Give it a name first: `x = …; del x;`"


def _plain(value: ast.expr) -> ast.expr:
    """Return a list literal as a plain target: `[a, b] = c;` creates no list."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "JacList":
        return value.args[0]
    return value


def _what(part: Part) -> str:
    if isinstance(part, Tree):
        return {"call": "what a call gives", "operation": "an operation"}.get(part.kind, "this")
    return part.text
