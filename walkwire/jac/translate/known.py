"""Known: names of classes in conditions, edge references and triggers that the module does not have: a mistake found by `check`.

Such a name fails only when the condition is asked, which no node may ever make it do.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Iterator

from walkwire.jac.syntax.tree import name_of
from walkwire.jac.translate.names import WANTED
from walkwire.jac.translate.scope import Unit

# A module that uses one of these may make names that are not seen here.
_MAKES_NAMES = frozenset(("exec", "eval", "globals", "locals", "vars", "setattr", "__import__"))
_ALWAYS = frozenset(("self", "here", "visitor", "root"))


def refuse_unknown(unit: Unit, modules: list[ast.Module]) -> None:
    """Record an error for each class that was asked for, and that nothing in the module defines or imports."""
    if not unit.asked:
        return
    known: set[str] = set()
    classes: set[str] = set()
    for module in modules:
        for node in ast.walk(module):
            known.update(_bound(node))
            if isinstance(node, ast.ClassDef):
                classes.add(node.name)
            if isinstance(node, ast.Name) and node.id in _MAKES_NAMES:
                return
    if "*" in known:
        return
    for token in unit.asked:
        name = name_of(token)
        if name in known or name in WANTED or name in _ALWAYS or hasattr(builtins, name):
            continue
        near = difflib.get_close_matches(name, sorted(classes | known), 1)
        meant = f": is `{near[0]}` meant?" if near else ", and none is imported"
        unit.wrong(token, f"there is no class `{name}`{meant}")


def _bound(node: ast.AST) -> Iterator[str]:
    """Yield the names that a part of a module gives a value."""
    match node:
        case ast.Name(name, ast.Store()):
            yield name
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name) | ast.arg(name):
            yield name
        case ast.alias(name, asname):
            yield asname or name.partition(".")[0]
        case ast.ExceptHandler(_, str(name)) | ast.MatchAs(_, str(name)) | ast.MatchStar(str(name)):
            yield name
        case ast.MatchMapping(_, _, str(name)):
            yield name
        case ast.Global(names) | ast.Nonlocal(names):
            yield from names
