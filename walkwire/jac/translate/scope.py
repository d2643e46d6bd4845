"""Scope: the context in which a part is translated, and the dispatch from a kind of tree to its translation."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from walkwire.jac.syntax.parser import Problem
from walkwire.jac.syntax.tree import Part, Token, Tree
from walkwire.jac.translate.bodies import Given

AnyNode = TypeVar("AnyNode", bound=ast.AST)


class Unit:
    """A file that is being translated: its era, its generated names, the names that it imports of walkwire, its errors.

    - era: (0, 7), (0, 8) or (0, 9)
    - depth: number of packages around the module. Relative imports beyond them search the folders above the file
    - asked: names of classes, to be looked up once the whole module is known
    - asks_types: the file calls `type`, so it can detect in 0.7 that lists have a class of their own
    """

    def __init__(
        self, era: tuple[int, int], taken: frozenset[str], depth: int, asks_types: bool = False
    ) -> None:
        self.era = era
        self.has_lists = asks_types and era == (0, 7)
        self.depth = depth
        self.problems: list[Problem] = []
        self.given: dict[int, Given] = {}
        self.annexes: dict[str, tuple[int, ast.Module]] = {}
        self.wanted: set[str] = set()
        self.asked: list[Token] = []
        self._taken = taken
        self._fresh = 0
        self.operators = self._free("_jac")

    def fresh(self) -> str:
        """Return a new name that the program does not use."""
        self._fresh += 1
        return self._free(f"{self.operators}_{self._fresh}")

    def _free(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        return name

    def ask(self, part: Part) -> None:
        """Have the name of a class looked up, once the whole module is known: a condition on a class, or a trigger."""
        if (
            isinstance(part, Tree)
            and part.kind in ("type_reference", "parenthesised")
            and len(part.parts) == 1
        ):
            part = part.parts[0]
        if isinstance(part, Token) and part.kind == "NAME":
            self.asked.append(part)

    def wrong(self, part: Part, message: str) -> None:
        """Record an error in the program."""
        self.problems.append(Problem(part.line, part.column, message))


@dataclass(slots=True)
class Loop:
    """A loop or switch around a statement, with what `continue` must do there."""

    step: Tree | None = None
    leave: str | None = None


@dataclass(slots=True)
class Scope:
    """The context of a part.

    - family: kind of the archetype around it ("walker", "node", "edge", "obj", "class", "enum"; "" outside)
    - members: it is directly in the body of that archetype
    - ability: it is in an ability
    - method: `self` is an instance of that archetype
    - async_: `await` is allowed here
    - before: collects statements that must run before the statement that is being translated
    """

    unit: Unit
    family: str = ""
    members: bool = False
    ability: bool = False
    method: bool = False
    async_: bool = False
    loops: tuple[Loop, ...] = ()
    before: list[ast.stmt] = field(default_factory=list)

    def inside(self, **changes: object) -> Scope:
        """Return the scope of a part inside this one, with a list `before` of its own."""
        return replace(self, before=[], **changes)  # type: ignore[arg-type]

    @property
    def here(self) -> str:
        """Return the name of the other participant of an ability: the node of a walker's, the walker of a node's."""
        if self.family == "walker" or self.unit.era == (0, 7):
            return "here"
        return "visitor"

    @property
    def walker(self) -> str:
        """Return the name of the walker in an ability."""
        return "self" if self.family == "walker" else self.here


Express = Callable[[Scope, Tree], ast.expr]
State = Callable[[Scope, Tree], list[ast.stmt]]
EXPRESSIONS: dict[str, Express] = {}
STATEMENTS: dict[str, State] = {}


def expression(*kinds: str) -> Callable[[Express], Express]:
    """Register the decorated function as the translation of these kinds of tree to an expression."""

    def register(function: Express) -> Express:
        EXPRESSIONS.update(dict.fromkeys(kinds, function))
        return function

    return register


def statement(*kinds: str) -> Callable[[State], State]:
    """Register the decorated function as the translation of these kinds of tree to statements."""

    def register(function: State) -> State:
        STATEMENTS.update(dict.fromkeys(kinds, function))
        return function

    return register


def at(node: AnyNode, part: Part) -> AnyNode:
    """Return the node with the position of the part."""
    node.lineno = part.line  # type: ignore[attr-defined]
    node.col_offset = part.column  # type: ignore[attr-defined]
    node.end_lineno = part.end_line  # type: ignore[attr-defined]
    node.end_col_offset = part.end_column  # type: ignore[attr-defined]
    return node


def from_to(node: AnyNode, first: ast.expr, last: ast.expr) -> AnyNode:
    """Return the node with a position from the start of one expression to the end of another."""
    node.lineno, node.col_offset = first.lineno, first.col_offset  # type: ignore[attr-defined]
    node.end_lineno, node.end_col_offset = last.end_lineno, last.end_col_offset  # type: ignore[attr-defined]
    return node


def name(text: str, part: Part) -> ast.expr:
    """Return an expression that reads a name."""
    return at(ast.Name(text, ast.Load()), part)


def operator(scope: Scope, operator_name: str, part: Part) -> ast.expr:
    """Return a reference to one of walkwire's operators, by name."""
    return at(ast.Attribute(name(scope.unit.operators, part), operator_name, ast.Load()), part)


def call(function: ast.expr, arguments: list[ast.expr], part: Part) -> ast.expr:
    """Return a call with positional arguments."""
    return at(ast.Call(function, arguments, []), part)


def operate(scope: Scope, operator_name: str, arguments: list[ast.expr], part: Part) -> ast.expr:
    """Return a call of one of walkwire's operators."""
    return call(operator(scope, operator_name, part), arguments, part)


def express(scope: Scope, part: Part) -> ast.expr:
    """Translate a part to an expression."""
    if type(part) is Token:
        return EXPRESSIONS[part.kind](scope, part)  # type: ignore[arg-type]
    return EXPRESSIONS[part.kind](scope, part)  # type: ignore[arg-type]


def state(scope: Scope, parts: list[Part]) -> list[ast.stmt]:
    """Translate parts to statements. Returns at least one, as Python requires."""
    made: list[ast.stmt] = []
    for part in parts:
        translated = STATEMENTS[part.kind](scope, part)  # type: ignore[arg-type]
        if scope.before:
            made += scope.before
            scope.before.clear()
        made += translated
    return made


def body(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate the statements of a block."""
    return state(scope, tree.parts) or [at(ast.Pass(), tree)]
