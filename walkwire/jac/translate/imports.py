"""Imports: translates imports of Python and Jac modules, and of names of Jac's own packages."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.names import IMPORTABLE, INSTEAD
from walkwire.jac.translate.scope import Scope, at, operate, statement

_FOREIGN = frozenset(("jaclang", "jac_cloud"))
_NAMES = "walkwire.dialect.names"


@statement("import_modules")
def _import_modules(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `import math, os.path as path;`."""
    made: list[ast.stmt] = []
    for path in tree.find_all("import_path"):
        named = _path_name(scope, path)
        alias = path.token("NAME")
        if named.split(".")[0] in _FOREIGN:
            made.append(_refused(scope, named, "", path))
        elif named:
            one = at(ast.alias(named, name_of(alias) if alias else None), path)
            made.append(at(ast.Import([one]), path))
    return made


def _path_name(scope: Scope, path: Tree) -> str:
    dotted = path.find("dotted")
    if dotted is None:
        scope.unit.wrong(path, "a path in quotes is for client code, which walkwire does not run")
        return ""
    return ".".join(name_of(part) for part in dotted.parts)


@statement("import_names")
def _import_names(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `import from math { sqrt as root_of, pi }`."""
    path = tree.find("from_path")
    assert path is not None
    level = sum(len(part.text) for part in path.parts if isinstance(part, Token) and part.kind != "STRING")
    module = _path_name(scope, path) if path.find("dotted") or path.has("STRING") else ""
    items = tree.find_all("import_item")
    if level == 0 and module.split(".")[0] in _FOREIGN:
        return [one for item in items for one in _from_jac(scope, module, item)]
    return _imported(scope, module, level, [_alias(item) for item in items], tree)


def _imported(scope: Scope, module: str, level: int, names: list[ast.alias], tree: Tree) -> list[ast.stmt]:
    if level > scope.unit.depth:
        # A module outside of all packages is imported by its bare name.
        above = [] if level == 1 else [_look_above(scope, level - 1, tree)]
        if not module:
            return [
                *above,
                at(ast.Import([at(ast.alias(one.name, one.asname), tree) for one in names]), tree),
            ]
        return [*above, at(ast.ImportFrom(module, names, 0), tree)]
    if module == "__future__":
        return []  # Jac has it all already, and Python wants it at the very top
    return [at(ast.ImportFrom(module or None, names, level), tree)]


def _look_above(scope: Scope, levels: int, tree: Tree) -> ast.stmt:
    return at(ast.Expr(operate(scope, "look_above", [at(ast.Constant(levels), tree)], tree)), tree)


def _alias(item: Tree) -> ast.alias:
    first = item.parts[0]
    named = "*" if first.kind == "STAR" else name_of(first)
    alias = name_of(item.parts[1]) if len(item.parts) > 1 else None
    return at(ast.alias(named, alias), item)


def _from_jac(scope: Scope, module: str, item: Tree) -> list[ast.stmt]:
    """Translate the import of a name of Jac's packages: walkwire's equivalent, or an error when the import runs."""
    alias = _alias(item)
    if alias.name in IMPORTABLE:
        own = at(ast.alias(IMPORTABLE[alias.name], alias.asname or alias.name), item)
        return [at(ast.ImportFrom(_NAMES, [own], 0), item)]
    return [_refused(scope, module, alias.name, item)]


def _refused(scope: Scope, module: str, named: str, part: Part) -> ast.stmt:
    instead = INSTEAD.get(named, "")
    arguments: list[ast.expr] = [at(ast.Constant(text), part) for text in (module, named, instead)]
    return at(ast.Expr(operate(scope, "not_here", arguments, part)), part)


@statement("include")
def _include(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `include geo;`: imports all names of the module."""
    path = tree.find("import_path")
    assert path is not None
    named = _path_name(scope, path)
    return [at(ast.ImportFrom(named, [at(ast.alias("*"), path)], 0), tree)] if named else []
