"""Match: translates `match` with its patterns, and `switch`."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Tree, name_of
from walkwire.jac.translate.scope import Loop, Scope, at, express, name, state, statement
from walkwire.jac.translate.statement import go_on

_SINGLETONS: dict[str, bool | None] = {"TRUE": True, "FALSE": False, "NONE": None}


@statement("match")
def _match(scope: Scope, tree: Tree) -> list[ast.stmt]:
    subject = express(scope, tree.parts[0])
    return [at(ast.Match(subject, [_case(scope, part) for part in tree.find_all("case")]), tree)]


def _case(scope: Scope, tree: Tree) -> ast.match_case:
    guard = tree.find("guard")
    inner = scope.inside()
    statements = tree.parts[2 if guard else 1 :]
    made = state(inner, statements) or [at(ast.Pass(), tree)]
    return ast.match_case(
        _pattern(scope, tree.parts[0]), express(scope, guard.parts[0]) if guard else None, made
    )


def _pattern(scope: Scope, part: Part) -> ast.pattern:
    assert isinstance(part, Tree)
    return at(_PATTERNS[part.kind](scope, part), part)


def _literal(scope: Scope, tree: Tree) -> ast.pattern:
    last = tree.parts[-1]
    if last.kind in _SINGLETONS:
        return ast.MatchSingleton(_SINGLETONS[last.kind])
    value = express(scope, last)
    if tree.has("MINUS"):
        value = at(ast.UnaryOp(ast.USub(), value), tree)
    return ast.MatchValue(value)


def _name(scope: Scope, tree: Tree) -> ast.pattern:
    """Translate a name in a pattern: a bare name captures, `_` matches anything, a dotted name is compared by value."""
    dotted = tree.parts[0]
    assert isinstance(dotted, Tree)
    names = [name_of(part) for part in dotted.parts]
    if len(names) == 1:
        return ast.MatchAs(None, None if names[0] == "_" else names[0])
    return ast.MatchValue(_dotted(dotted))


def _dotted(tree: Tree) -> ast.expr:
    value = name(name_of(tree.parts[0]), tree.parts[0])
    for part in tree.parts[1:]:
        value = at(ast.Attribute(value, name_of(part), ast.Load()), tree)
    return value


def _alternatives(scope: Scope, tree: Tree) -> ast.pattern:
    return ast.MatchOr([_pattern(scope, part) for part in tree.parts])


def _as(scope: Scope, tree: Tree) -> ast.pattern:
    return ast.MatchAs(_pattern(scope, tree.parts[0]), name_of(tree.parts[1]))


def _sequence(scope: Scope, tree: Tree) -> ast.pattern:
    return ast.MatchSequence([_pattern(scope, part) for part in tree.parts])


def _star(_: Scope, tree: Tree) -> ast.pattern:
    named = name_of(tree.parts[1])
    return ast.MatchStar(None if named == "_" else named)


def _mapping(scope: Scope, tree: Tree) -> ast.pattern:
    keys: list[ast.expr] = []
    patterns: list[ast.pattern] = []
    for entry in tree.find_all("entry_pattern"):
        key = _literal(scope, entry.parts[0])  # type: ignore[arg-type]
        keys.append(
            key.value if isinstance(key, ast.MatchValue) else at(ast.Constant(key.value), entry)  # type: ignore[attr-defined]
        )
        patterns.append(_pattern(scope, entry.parts[1]))
    rest = tree.find("rest_pattern")
    return ast.MatchMapping(keys, patterns, name_of(rest.parts[1]) if rest else None)


def _class(scope: Scope, tree: Tree) -> ast.pattern:
    dotted = tree.parts[0]
    assert isinstance(dotted, Tree)
    places = [_pattern(scope, part) for part in tree.parts[1:] if part.kind != "keyword_pattern"]
    named = tree.find_all("keyword_pattern")
    return ast.MatchClass(
        _dotted(dotted),
        places,
        [name_of(part.parts[0]) for part in named],
        [_pattern(scope, part.parts[1]) for part in named],
    )


_PATTERNS = {
    "literal_pattern": _literal,
    "name_pattern": _name,
    "alternatives": _alternatives,
    "as_pattern": _as,
    "sequence_pattern": _sequence,
    "star_pattern": _star,
    "mapping_pattern": _mapping,
    "class_pattern": _class,
}


@statement("switch")
def _switch(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `switch` to a loop that runs once. As in C, it falls through from the matching case until `break`."""
    value, falls, leave = (scope.unit.fresh() for _ in range(3))
    inner = scope.inside(loops=(*scope.loops, Loop(leave=leave)))
    made: list[ast.stmt] = []
    for case in tree.parts[1:]:
        assert isinstance(case, Tree)
        fallen = at(ast.Assign([_store(falls, case)], at(ast.Constant(True), case)), case)
        if case.kind == "switch_default":
            made += [*state(inner, case.parts), fallen]
            continue
        test = at(ast.BoolOp(ast.Or(), [name(falls, case), _fits(scope, case.parts[0], value)]), case)
        made.append(at(ast.If(test, [fallen, *state(inner, case.parts[1:])], []), case))
    once = at(ast.While(at(ast.Constant(True), tree), [*made, at(ast.Break(), tree)], []), tree)
    false = at(ast.Constant(False), tree)
    start = at(ast.Assign([_store(falls, tree), _store(leave, tree)], false), tree)
    subject = at(ast.Assign([_store(value, tree)], express(scope, tree.parts[0])), tree)
    if not scope.loops:
        return [subject, start, once]
    onward = at(ast.If(name(leave, tree), go_on(scope.loops, scope, tree), []), tree)
    return [subject, start, once, onward]


def _store(variable: str, part: Part) -> ast.expr:
    return at(ast.Name(variable, ast.Store()), part)


def _fits(scope: Scope, part: Part, value: str) -> ast.expr:
    """Return the test whether the value matches a case."""
    assert isinstance(part, Tree)
    if part.kind == "alternatives":
        return at(ast.BoolOp(ast.Or(), [_fits(scope, one, value) for one in part.parts]), part)
    pattern = _pattern(scope, part)
    if isinstance(pattern, ast.MatchSingleton):
        singleton = at(ast.Constant(pattern.value), part)
        return at(ast.Compare(name(value, part), [ast.Is()], [singleton]), part)
    if isinstance(pattern, ast.MatchValue):
        return at(ast.Compare(name(value, part), [ast.Eq()], [pattern.value]), part)
    if isinstance(pattern, ast.MatchAs) and pattern.pattern is None:
        compared = name(pattern.name or "_", part)
        return at(ast.Compare(name(value, part), [ast.Eq()], [compared]), part)
    scope.unit.wrong(part, "a case of `switch` is a value: for patterns there is `match`")
    return name(value, part)
