"""Module: translates the statements of a module in their order, and adds the imports that they need."""

from __future__ import annotations

import ast
import textwrap

from walkwire.jac.source import Role
from walkwire.jac.syntax.tree import Token, Tree, name_of
from walkwire.jac.translate import (
    archetype,
    expression,
    function,
    graph,
    imports,
    literal,
    match,
    operation,
    statement,
)
from walkwire.jac.translate.bodies import match_bodies
from walkwire.jac.translate.known import refuse_unknown
from walkwire.jac.translate.scope import Scope, Unit, at, body, operate, state
from walkwire.jac.translate.scope import statement as translates

# Each of these modules registers its translations when it is imported.
TRANSLATIONS = (archetype, expression, function, graph, imports, literal, match, operation, statement)


def translate(files: list[tuple[Tree, Role]], unit: Unit) -> ast.Module:
    """Translate the files of a module, its own file first.

    The statements of an implementation annex run before the module's own, those of a test annex after them. Each annex is
    stored in `unit.annexes`. Errors are appended to `unit.problems`."""
    unit.given = match_bodies([tree for tree, _ in files])
    scope = Scope(unit)
    own = files[0][0].parts
    documentation: list[ast.stmt] = []
    if own and own[0].kind == "docstring":
        documentation, own = function.documentation(scope, own[0]), own[1:]
    before = _annexes(scope, files, "bodies")
    made = state(scope, own)
    behind = _annexes(scope, files, "tests")
    module = ast.Module([*documentation, *_preamble(unit), *before, *made, *behind], [])
    refuse_unknown(unit, [module, *(annex for _, annex in unit.annexes.values())])
    return module


def _annexes(scope: Scope, files: list[tuple[Tree, Role]], role: Role) -> list[ast.stmt]:
    """Return placeholders for the annexes of a module. The compiler replaces each of them by the annex's code."""
    places: list[ast.stmt] = []
    for number, (tree, its_role) in enumerate(files):
        if its_role == role and (statements := state(scope, tree.parts)):
            text = f"annex {number} {scope.unit.fresh()}"
            scope.unit.annexes[text] = (number, ast.Module(statements, []))
            place = Token("", "", 1, 0, 1, 0)
            run = operate(scope, "run_annex", [at(ast.Constant(text), place)], place)
            places.append(at(ast.Expr(run), place))
    return places


def _preamble(unit: Unit) -> list[ast.stmt]:
    place = Token("", "", 1, 0, 1, 0)
    operators = ast.ImportFrom("walkwire.dialect", [at(ast.alias("operators", unit.operators), place)], 0)
    made: list[ast.stmt] = [at(operators, place)]
    if unit.wanted:
        names = [at(ast.alias(one), place) for one in sorted(unit.wanted)]
        made.append(at(ast.ImportFrom("walkwire.dialect.names", names, 0), place))
    return made


@translates("entry_block")
def _entry_block(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `with entry { }`, which runs in its place, or `with entry:__main__ { }`, which runs only in that module."""
    block = tree.find("block")
    assert block is not None
    named = tree.token("NAME")
    inner = scope.inside()
    statements = body(inner, block)
    if named is None:
        return statements
    test = ast.Compare(
        at(ast.Name("__name__", ast.Load()), tree),
        [ast.Eq()],
        [at(ast.Constant(name_of(named)), tree)],
    )
    return [at(ast.If(at(test, tree), statements, []), tree)]


@translates("global_var")
def _global_var(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return state(scope, [part for part in tree.parts if part.kind not in ("access", "NAME")])


@translates("sem", "impl", "docstring")
def _nothing(_: Scope, __: Tree) -> list[ast.stmt]:
    """Translate a statement that has no code of its own: a meaning, or a body for a declaration."""
    return []


@translates("inline_python")
def _inline_python(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `::py:: … ::py::`: Python, taken unchanged with its line numbers."""
    token = tree.parts[0]
    assert isinstance(token, Token)
    source = token.text.removeprefix("::py::").removesuffix("::py::")
    dedented = textwrap.dedent(source)
    try:
        statements = ast.parse(dedented).body
    except SyntaxError as error:
        line = token.line + (error.lineno or 1) - 1
        place = Token("", "", line, max(0, (error.offset or 1) - 1), line, 0)
        scope.unit.wrong(place, f"Python cannot read this: {error.msg}")
        return []
    except ValueError as error:  # a null byte, a lone surrogate
        scope.unit.wrong(tree, f"Python cannot read this: {error}")
        return []
    for one in statements:
        ast.increment_lineno(one, token.line - 1)
    return statements
