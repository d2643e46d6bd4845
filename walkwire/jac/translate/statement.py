"""Statements: translates assignments, conditions, loops, errors, and statements that end a loop or a function."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.scope import (
    EXPRESSIONS,
    Loop,
    Scope,
    at,
    body,
    express,
    expression,
    name,
    operate,
    state,
    statement,
)
from walkwire.jac.translate.target import removed, target

_AUGMENTED: dict[str, type[ast.operator]] = {
    "ADD_TO": ast.Add,
    "SUBTRACT_FROM": ast.Sub,
    "MULTIPLY_BY": ast.Mult,
    "DIVIDE_BY": ast.Div,
    "FLOOR_DIVIDE_BY": ast.FloorDiv,
    "MODULO_BY": ast.Mod,
    "POWER_BY": ast.Pow,
    "MATRIX_BY": ast.MatMult,
    "AND_WITH": ast.BitAnd,
    "OR_WITH": ast.BitOr,
    "XOR_WITH": ast.BitXor,
    "SHIFT_LEFT_BY": ast.LShift,
    "SHIFT_RIGHT_BY": ast.RShift,
}


@statement("expression_statement")
def _expression(scope: Scope, tree: Tree) -> list[ast.stmt]:
    part = tree.parts[0]
    if isinstance(part, Token) and part.text == "pass":
        scope.unit.wrong(part, "Jac has no `pass`: an empty block is `{}`")
    return [at(ast.Expr(express(scope, part)), tree)]


@statement("assignment")
def _assignment(scope: Scope, tree: Tree) -> list[ast.stmt]:
    *targets, value = (part for part in tree.parts if part.kind != "LET")
    assigned = express(scope, value)
    return [at(ast.Assign([target(scope, part) for part in targets], assigned), tree)]


@statement("annotated")
def _annotated(scope: Scope, tree: Tree) -> list[ast.stmt]:
    variable = next(part for part in tree.parts if part.kind != "LET")
    annotation = tree.find("type_tag")
    assert annotation is not None
    stored = target(scope, variable)
    if not isinstance(stored, ast.Name | ast.Attribute | ast.Subscript):
        scope.unit.wrong(variable, "only a name, an attribute or an item can have a type")
        return []
    last = tree.parts[-1]
    value = None if last is annotation else express(scope, last)
    simple = int(isinstance(stored, ast.Name))
    return [at(ast.AnnAssign(stored, express(scope, annotation.parts[0]), value, simple), tree)]


@statement("augmented_assignment")
def _augmented(scope: Scope, tree: Tree) -> list[ast.stmt]:
    variable, sign, value = tree.parts
    assert isinstance(sign, Tree)
    stored = target(scope, variable)
    if not isinstance(stored, ast.Name | ast.Attribute | ast.Subscript):
        scope.unit.wrong(variable, "only a name, an attribute or an item can be changed in place")
        return []
    return [at(ast.AugAssign(stored, _AUGMENTED[sign.parts[0].kind](), express(scope, value)), tree)]


@statement("if", "elif")
def _if(scope: Scope, tree: Tree) -> list[ast.stmt]:
    test = express(scope, tree.parts[0])
    block = tree.parts[1]
    assert isinstance(block, Tree)
    made = at(ast.If(test, _block(scope, block), []), tree)
    if len(tree.parts) > 2:
        inner = scope.inside()
        made.orelse = state(inner, [tree.parts[2]]) or [at(ast.Pass(), tree)]
    return [made]


def _block(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return body(scope.inside(), tree)


@statement("else", "finally")
def _else(scope: Scope, tree: Tree) -> list[ast.stmt]:
    block = tree.parts[0]
    assert isinstance(block, Tree)
    return _block(scope, block)


@statement("while")
def _while(scope: Scope, tree: Tree) -> list[ast.stmt]:
    inner = scope.inside(loops=(*scope.loops, Loop()))
    block = tree.parts[1]
    assert isinstance(block, Tree)
    return [at(ast.While(express(scope, tree.parts[0]), body(inner, block), _orelse(scope, tree)), tree)]


def _orelse(scope: Scope, tree: Tree) -> list[ast.stmt]:
    otherwise = tree.find("else")
    return _else(scope, otherwise) if otherwise else []


@statement("for_in")
def _for_in(scope: Scope, tree: Tree) -> list[ast.stmt]:
    variable, iterated, block = (part for part in tree.parts if part.kind not in ("ASYNC", "else"))
    assert isinstance(block, Tree)
    inner = scope.inside(loops=(*scope.loops, Loop()))
    loop = ast.AsyncFor if tree.has("ASYNC") else ast.For
    made = loop(target(scope, variable), express(scope, iterated), body(inner, block), _orelse(scope, tree))
    return [at(made, tree)]


@statement("for_to")
def _for_to(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `for i=0 to i<5 by i+=1` to a `while` loop. `continue` executes the step as well."""
    start, test, step, block = (part for part in tree.parts if part.kind not in ("ASYNC", "else"))
    assert isinstance(step, Tree)
    assert isinstance(block, Tree)
    inner = scope.inside(loops=(*scope.loops, Loop(step)))
    made = [*state(scope, [start])]
    repeated = [*body(inner, block), *state(inner, [step])]
    return [*made, at(ast.While(express(scope, test), repeated, _orelse(scope, tree)), tree)]


@statement("BREAK")
def _break(_: Scope, token: Part) -> list[ast.stmt]:
    return [at(ast.Break(), token)]


@statement("CONTINUE")
def _continue(scope: Scope, token: Part) -> list[ast.stmt]:
    return go_on(scope.loops, scope, token)


def go_on(loops: tuple[Loop, ...], scope: Scope, part: Part) -> list[ast.stmt]:
    """Translate `continue`, with the step of its loop. Inside a `switch` it sets a flag that is tested behind the switch."""
    loop = loops[-1] if loops else Loop()
    if loop.leave:
        flag = at(ast.Name(loop.leave, ast.Store()), part)
        return [at(ast.Assign([flag], at(ast.Constant(True), part)), part), at(ast.Break(), part)]
    step = state(scope.inside(), [loop.step]) if loop.step else []
    return [*step, at(ast.Continue(), part)]


@statement("SKIP")
def _skip(scope: Scope, token: Part) -> list[ast.stmt]:
    return [at(ast.Return(None), token)]


@statement("return")
def _return(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [at(ast.Return(express(scope, tree.parts[0]) if tree.parts else None), tree)]


@expression("yield", "bare_yield")
def _yield(scope: Scope, tree: Tree) -> ast.expr:
    return at(ast.Yield(express(scope, tree.parts[0]) if tree.parts else None), tree)


@expression("yield_from")
def _yield_from(scope: Scope, tree: Tree) -> ast.expr:
    return at(ast.YieldFrom(express(scope, tree.parts[0])), tree)


@statement("yield", "bare_yield", "yield_from")
def _yielded(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [at(ast.Expr(EXPRESSIONS[tree.kind](scope, tree)), tree)]


@statement("raise")
def _raise(scope: Scope, tree: Tree) -> list[ast.stmt]:
    error, cause = (*(express(scope, part) for part in tree.parts), None, None)[:2]
    return [at(ast.Raise(error, cause), tree)]


@statement("assert", "check")
def _assert(scope: Scope, tree: Tree) -> list[ast.stmt]:
    test, message = (*(express(scope, part) for part in tree.parts), None)[:2]
    assert test is not None
    return [at(ast.Assert(test, message), tree)]


@statement("delete")
def _delete(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `del x`. From 0.8 on, a node or an edge is also destroyed; in 0.7 only the name is deleted."""
    targets = removed(scope, tree.parts[0])
    unbind = at(ast.Delete(targets), tree)
    if scope.unit.era == (0, 7):
        return [unbind]
    value = express(scope, tree.parts[0])
    values = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    listed = at(ast.List(values, ast.Load()), tree)
    return [at(ast.Expr(operate(scope, "destroy", [listed], tree)), tree), unbind]


@statement("global")
def _global(_: Scope, tree: Tree) -> list[ast.stmt]:
    return [at(ast.Global([name_of(part) for part in tree.parts if part.kind == "NAME"]), tree)]


@statement("nonlocal")
def _nonlocal(_: Scope, tree: Tree) -> list[ast.stmt]:
    return [at(ast.Nonlocal([name_of(part) for part in tree.parts if part.kind == "NAME"]), tree)]


@statement("try")
def _try(scope: Scope, tree: Tree) -> list[ast.stmt]:
    block = tree.parts[0]
    assert isinstance(block, Tree)
    handlers = [_except(scope, part) for part in tree.find_all("except")]
    finally_ = tree.find("finally")
    final = _else(scope, finally_) if finally_ else []
    if not handlers and not final:
        final = [at(ast.Pass(), tree)]
    return [at(ast.Try(_block(scope, block), handlers, _orelse(scope, tree), final), tree)]


def _except(scope: Scope, tree: Tree) -> ast.ExceptHandler:
    block = tree.parts[-1]
    assert isinstance(block, Tree)
    named = tree.parts[1] if len(tree.parts) > 2 else None
    caught = express(scope, tree.parts[0])
    return at(ast.ExceptHandler(caught, name_of(named) if named else None, _block(scope, block)), tree)


@statement("with")
def _with(scope: Scope, tree: Tree) -> list[ast.stmt]:
    block = tree.parts[-1]
    assert isinstance(block, Tree)
    items = [
        ast.withitem(
            express(scope, item.parts[0]), target(scope, item.parts[1]) if len(item.parts) > 1 else None
        )
        for item in tree.find_all("with_item")
    ]
    kind = ast.AsyncWith if tree.has("ASYNC") else ast.With
    return [at(kind(items, _block(scope, block)), tree)]


@statement("typed_block")
def _typed_block(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `-> Stop { }`: runs only if the other participant of the ability is a Stop."""
    block = tree.parts[1]
    assert isinstance(block, Tree)
    scope.unit.ask(tree.parts[0])
    test = operate(scope, "is_a", [name(scope.here, tree), express(scope, tree.parts[0])], tree)
    return [at(ast.If(test, _block(scope, block), []), tree)]
