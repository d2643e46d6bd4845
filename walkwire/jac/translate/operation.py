"""Operations: turns a flat sequence of operands and operators into a tree, by Jac's operator precedence.

It differs from Python's: `|`, `&` and the shifts bind less tightly than `or`, `**` is left-associative, and
`-2 ** 2` is 4.
"""

from __future__ import annotations

import ast
from typing import TypeVar

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.expression import called, plain_arguments
from walkwire.jac.translate.graph import COMPARATORS, connected, disconnected, spawned
from walkwire.jac.translate.scope import Scope, at, call, express, expression, from_to, operate

Expression = TypeVar("Expression", bound=ast.expr)

# From the loosest to the tightest.
_LEVELS = (
    ("WALRUS",),
    ("PIPE",),
    ("PIPE_BACK",),
    ("BAR",),
    ("CARET",),
    ("AMPERSAND",),
    ("SHIFT_LEFT", "SHIFT_RIGHT"),
    ("OR", "OR_SIGN"),
    ("AND", "AND_SIGN"),
    ("NOT",),
    ("EQUAL", "UNEQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "IN", "NOT_IN", "IS", "IS_NOT"),
    ("PLUS", "MINUS"),
    ("STAR", "SLASH", "FLOOR_DIVIDE", "PERCENT", "AT"),
    ("POWER",),
    ("SIGN",),
    ("CONNECT_OUT", "CONNECT_IN", "CONNECT_BOTH", "typed_connect", "disconnect"),
    ("ATOMIC_PIPE",),
    ("ATOMIC_PIPE_BACK",),
    ("SPAWN",),
    ("REFERENCE",),
    ("AWAIT",),
    ("CALL",),
)
_INFIX = {kind: level for level, kinds in enumerate(_LEVELS) for kind in kinds}
_COMPARISON = _INFIX["EQUAL"]
_BOOLEAN: dict[int, type[ast.boolop]] = {_INFIX["OR"]: ast.Or, _INFIX["AND"]: ast.And}
# The level of the operand of each prefix operator.
_PREFIX = {
    "FLOW": 0,
    "WAIT": 0,
    "STAR": 0,
    "NOT": _INFIX["NOT"],
    "MINUS": _INFIX["SIGN"],
    "PLUS": _INFIX["SIGN"],
    "TILDE": _INFIX["SIGN"],
    "AMPERSAND": _INFIX["REFERENCE"],
    "AWAIT": _INFIX["AWAIT"],
    "PIPE": _INFIX["CALL"],
    "ATOMIC_PIPE": _INFIX["CALL"],
    "SPAWN": _INFIX["CALL"],
}
_BINARY: dict[str, type[ast.operator]] = {
    "BAR": ast.BitOr,
    "CARET": ast.BitXor,
    "AMPERSAND": ast.BitAnd,
    "SHIFT_LEFT": ast.LShift,
    "SHIFT_RIGHT": ast.RShift,
    "PLUS": ast.Add,
    "MINUS": ast.Sub,
    "STAR": ast.Mult,
    "SLASH": ast.Div,
    "FLOOR_DIVIDE": ast.FloorDiv,
    "PERCENT": ast.Mod,
    "AT": ast.MatMult,
    "POWER": ast.Pow,
}
_UNARY: dict[str, type[ast.unaryop]] = {
    "NOT": ast.Not,
    "MINUS": ast.USub,
    "PLUS": ast.UAdd,
    "TILDE": ast.Invert,
}
_FUNCTIONS = {"AMPERSAND": "reference", "FLOW": "flow", "WAIT": "wait"}
_GRAPH = {"SPAWN": spawned, "disconnect": disconnected}


class _Operand:
    """An operand: a part of the source that is not translated yet, or the result of an operation."""

    __slots__ = ("expr", "part")

    def __init__(self, part: Part | None, expr: ast.expr | None = None) -> None:
        self.part = part
        self.expr = expr

    def translated(self, scope: Scope) -> ast.expr:
        if self.expr is None:
            assert self.part is not None
            self.expr = express(scope, self.part)
        return self.expr

    def piped(self) -> Tree | None:
        """Return the items of a tuple, which become the arguments of the function it is piped into; None for other values."""
        part = self.part
        if part is None or part.kind != "parenthesised" or not isinstance(part, Tree):
            return None
        arguments = part.find("arguments")
        if arguments is None:
            return None
        single = len(arguments.parts) == 1 and arguments.parts[0].kind != "keyword"
        return None if single else arguments


@expression("operation")
def _operation(scope: Scope, tree: Tree) -> ast.expr:
    row = _Row(scope, tree.parts)
    translated = row.operand(0).translated(scope)
    return translated


class _Row:
    """The parts of an operation, read from left to right."""

    def __init__(self, scope: Scope, parts: list[Part]) -> None:
        self._scope = scope
        self._parts = parts
        self._at = 0

    def operand(self, least: int) -> _Operand:
        """Return the operand here, with all operators that bind at least as tightly as the level `least`."""
        part = self._take()
        level = _PREFIX.get(part.kind) if type(part) is Token else None
        left = _Operand(part) if level is None else _Operand(None, self._prefixed(part, level))
        while self._at < len(self._parts):
            infix = self._parts[self._at]
            level = _INFIX[infix.kind]
            if level < least:
                break
            if level == _COMPARISON:
                left = _Operand(None, self._compared(left))
            else:
                self._at += 1
                left = _Operand(None, self._joined(left, infix, level))
        return left

    def _take(self) -> Part:
        part = self._parts[self._at]
        self._at += 1
        return part

    def _translated(self, level: int) -> ast.expr:
        return self.operand(level).translated(self._scope)

    def _prefixed(self, prefix: Part, level: int) -> ast.expr:
        kind = prefix.kind
        if kind == "AWAIT" and self._awaits_a_walk():
            level = _INFIX["SPAWN"]
        value = self._translated(level)
        if kind in _UNARY:
            return _after(ast.UnaryOp(_UNARY[kind](), value), prefix, value)
        if kind == "STAR":
            return _after(ast.Starred(value, ast.Load()), prefix, value)
        if kind == "AWAIT":
            return _after(ast.Await(value), prefix, value)
        if kind == "FLOW":
            value = at(ast.Lambda(plain_arguments([], prefix), value), prefix)
        word = _FUNCTIONS.get(kind)
        return operate(self._scope, word, [value], prefix) if word else call(value, [], prefix)

    def _awaits_a_walk(self) -> bool:
        """Return whether `await` applies to the walk: in `await root spawn w()` it does, although it binds more tightly."""
        after = self._parts[self._at + 1 : self._at + 2]
        return bool(after) and after[0].kind == "SPAWN"

    def _compared(self, first: _Operand) -> ast.expr:
        left = first.translated(self._scope)
        operators: list[ast.cmpop] = []
        others: list[ast.expr] = []
        while self._at < len(self._parts) and self._parts[self._at].kind in COMPARATORS:
            operators.append(COMPARATORS[self._take().kind]())
            others.append(self._translated(_COMPARISON + 1))
        return from_to(ast.Compare(left, operators, others), left, others[-1])

    def _joined(self, first: _Operand, infix: Part, level: int) -> ast.expr:
        kind = infix.kind
        if kind == "WALRUS":
            return self._named(first, infix)
        if kind in _PIPES:
            return self._piped(first, infix, level)
        left = first.translated(self._scope)
        right = self._translated(level + 1)
        if kind in _BINARY:
            return from_to(ast.BinOp(left, _BINARY[kind](), right), left, right)
        if level in _BOOLEAN:
            return self._both(left, right, level)
        return _GRAPH.get(kind, connected)(self._scope, left, right, infix)

    def _both(self, left: ast.expr, right: ast.expr, level: int) -> ast.expr:
        values = [left, right]
        while self._at < len(self._parts) and _INFIX[self._parts[self._at].kind] == level:
            self._at += 1
            values.append(self._translated(level + 1))
        return from_to(ast.BoolOp(_BOOLEAN[level](), values), left, values[-1])

    def _named(self, first: _Operand, infix: Part) -> ast.expr:
        right = self._translated(_INFIX["WALRUS"])
        target = first.part
        if not isinstance(target, Token) or target.kind != "NAME":
            self._scope.unit.wrong(infix, "what stands before `:=` must be a name")
            return right
        stored = at(ast.Name(name_of(target), ast.Store()), target)
        return from_to(ast.NamedExpr(stored, right), stored, right)

    def _piped(self, first: _Operand, infix: Part, level: int) -> ast.expr:
        """Translate `x |> f` and `f <| x` to f(x). A tuple gives positional arguments, a tuple with names named ones."""
        second = self.operand(level + 1)
        value, function = (first, second) if _PIPES[infix.kind] else (second, first)
        called_one = function.translated(self._scope)
        arguments = value.piped()
        if arguments is not None:
            return called(self._scope, called_one, arguments, infix)
        return call(called_one, [value.translated(self._scope)], infix)


# Whether the value stands on the left.
_PIPES = {"PIPE": True, "ATOMIC_PIPE": True, "PIPE_BACK": False, "ATOMIC_PIPE_BACK": False}


def _after(node: Expression, prefix: Part, value: ast.expr) -> Expression:
    node.lineno, node.col_offset = prefix.line, prefix.column
    node.end_lineno, node.end_col_offset = value.end_lineno, value.end_col_offset
    return node
