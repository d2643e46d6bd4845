"""Archetypes: translates node, edge, walker, obj and class with their fields, enums, and global names."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.function import decorators, define, documentation
from walkwire.jac.translate.scope import STATEMENTS, Scope, at, express, name, operator, state, statement

_BASES = {"NODE": "Node", "EDGE": "Edge", "WALKER": "Walker", "OBJ": "Obj"}
_FAMILIES = {"NODE": "node", "EDGE": "edge", "WALKER": "walker", "OBJ": "obj", "CLASS": "class"}


@statement("archetype")
def _archetype(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [archetype(scope, tree, None)]


@statement("documented", "documented_member")
def _documented(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate a docstring and the declaration that it documents."""
    text, part = tree.parts[0], tree.parts[-1]
    if not isinstance(part, Tree) or part is text:
        return documentation(scope, text)
    if part.kind in ("function", "ability"):
        return [define(scope, part, text)]
    if part.kind == "archetype":
        return [archetype(scope, part, text)]
    if part.kind == "enum":
        return [enumeration(scope, part, text)]
    return STATEMENTS[part.kind](scope, part)


def archetype(scope: Scope, tree: Tree, text: Part | None) -> ast.stmt:
    """Return a class statement. Without bases of its own, the class gets the base of its kind."""
    kind = tree.find("kind")
    assert kind is not None
    family = _FAMILIES[kind.parts[0].kind]
    given = scope.unit.given.get(id(tree))
    members = tree.find("members")
    parts = members.parts if members else []
    if given is not None:
        block = given.tree.find("block")
        parts = [*parts, *(block.parts if block else [])]
    inner = scope.inside(family=family, members=True, ability=False, method=False, loops=())
    statements = documentation(scope, text)
    if tree.has("ASYNC"):
        stored = at(ast.Name("__jac_async__", ast.Store()), tree)
        statements.append(at(ast.Assign([stored], at(ast.Constant(True), tree)), tree))
    statements += state(inner, parts)
    made = _class(
        scope, tree, statements or [at(ast.Pass(), tree)], _bases(scope, tree, kind.parts[0], given)
    )
    if scope.unit.era == (0, 7) and family != "class" and any(_is_abstract(part) for part in parts):
        # In later eras a class is abstract only if the program itself names ABC.
        made.keywords.append(at(ast.keyword("metaclass", operator(scope, "ABCMeta", tree)), tree))
    return made


def _is_abstract(part: Part) -> bool:
    return isinstance(part, Tree) and (
        part.has("ABS") or any(_is_abstract(one) for one in part.find_all("function"))
    )


def _class(scope: Scope, tree: Tree, statements: list[ast.stmt], bases: list[ast.expr]) -> ast.ClassDef:
    token = tree.token("NAME")
    assert token is not None
    return at(ast.ClassDef(name_of(token), bases, [], statements, decorators(scope, tree)), tree)


def _written_bases(scope: Scope, tree: Tree) -> list[ast.expr]:
    found = tree.find("bases") or tree.find("colon_bases")
    return [express(scope, part) for part in found.parts] if found else []


def _bases(scope: Scope, tree: Tree, kind: Part, given: object) -> list[ast.expr]:
    bases = _written_bases(scope, tree)
    if kind.kind != "CLASS":
        is_old = scope.unit.era == (0, 7)
        if kind.kind == "OBJ" and bases:
            named = "behind_bases_07" if is_old else "behind_bases"
        else:
            named = _BASES[kind.kind] if is_old else f"{_BASES[kind.kind]}Archetype"
        bases.append(operator(scope, named, kind))
    return bases


@statement("enum")
def _enum(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [enumeration(scope, tree, None)]


def enumeration(scope: Scope, tree: Tree, text: Part | None) -> ast.stmt:
    """Translate an enum. A member without a value continues from the member before."""
    given = scope.unit.given.get(id(tree))
    found = tree.find("enum_members")
    parts = found.parts if found else []
    if given is not None:
        values = given.tree.find("impl_values")
        parts = [*parts, *(values.parts if values else [])]
    inner = scope.inside(family="enum", members=True, ability=False, method=False, loops=())
    statements = documentation(scope, text)
    for part in parts:
        statements += _enum_part(inner, part)
    bases = [*_written_bases(scope, tree), operator(scope, "Enum", tree)]
    return _class(scope, tree, statements or [at(ast.Pass(), tree)], bases)


def _enum_part(scope: Scope, part: Part) -> list[ast.stmt]:
    named = _without_value(part)
    if named is not None:
        value = at(ast.Call(operator(scope, "auto", part), [], []), part)
        return [at(ast.Assign([at(ast.Name(name_of(named), ast.Store()), part)], value), part)]
    assert isinstance(part, Tree)
    return STATEMENTS[part.kind](scope, part)


def _without_value(part: Part) -> Token | None:
    """Return the name of a member without a value: `G`, or `G: "what it means"`."""
    named = part.parts[0] if isinstance(part, Tree) and part.kind == "annotated" else part
    is_bare = part is named or (isinstance(part, Tree) and part.parts[-1].kind == "type_tag")
    return named if isinstance(named, Token) and is_bare else None


@statement("has")
def _has(scope: Scope, tree: Tree) -> list[ast.stmt]:
    if not scope.members:
        return [_local(scope, part) for part in tree.find_all("has_field")]
    static = tree.has("STATIC")
    return [field for part in tree.find_all("has_field") for field in _field(scope, part, static)]


def _local(scope: Scope, tree: Tree) -> ast.stmt:
    """Translate `has` inside a function: a variable with a type."""
    token, annotation = tree.token("NAME"), tree.find("type_tag")
    assert token is not None
    assert annotation is not None
    last = tree.parts[-1]
    if last.kind == "postponed":
        scope.unit.wrong(tree, "`by postinit` stands in the body of an obj, node, edge, walker or class")
    value = None if last is annotation or last.kind == "postponed" else express(scope, last)
    stored = at(ast.Name(name_of(token), ast.Store()), token)
    return at(ast.AnnAssign(stored, express(scope, annotation.parts[0]), value, 1), tree)


def _field(scope: Scope, tree: Tree, static: bool) -> list[ast.stmt]:
    token, annotation = tree.token("NAME"), tree.find("type_tag")
    assert token is not None
    assert annotation is not None
    last = tree.parts[-1]
    stored = at(ast.Name(name_of(token), ast.Store()), token)
    default = None if last is annotation or last.kind == "postponed" else last
    if static and scope.family != "class":
        # Without a type, since a name with a type would be a field of each instance.
        return [at(ast.Assign([stored], express(scope, default)), tree)] if default else []
    value: ast.expr | None = None
    if tree.has("postponed"):
        value = at(ast.Call(operator(scope, "later", tree), [], []), tree)
    elif default is not None:
        value = express(scope, default) if scope.family == "class" else _default(scope, default)
    return [at(ast.AnnAssign(stored, express(scope, annotation.parts[0]), value, 1), tree)]


def _default(scope: Scope, part: Part) -> ast.expr:
    """Return a default. A constant is used unchanged; any other expression is evaluated for each instance."""
    inner = scope.inside(members=False)
    value = express(inner, part)
    if not inner.before and _is_constant(value):
        return value
    nothing = ast.arguments([], [], None, [], [], None, [])
    if inner.before:
        named = scope.unit.fresh()
        statements = [*inner.before, at(ast.Return(value), part)]
        scope.before.append(at(ast.FunctionDef(named, nothing, statements, [], None, None), part))
        factory = name(named, part)
    else:
        factory = at(ast.Lambda(nothing, value), part)
    return at(ast.Call(operator(scope, "each", part), [factory], []), part)


def _is_constant(value: ast.expr) -> bool:
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    return isinstance(value, ast.Constant)
