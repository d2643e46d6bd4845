"""Graph: translates connecting and disconnecting, edge references, filters, spawn, visit and report."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.scope import (
    Scope,
    at,
    body,
    call,
    express,
    expression,
    name,
    operate,
    operator,
    statement,
)

COMPARATORS: dict[str, type[ast.cmpop]] = {
    "EQUAL": ast.Eq,
    "UNEQUAL": ast.NotEq,
    "LESS": ast.Lt,
    "LESS_EQUAL": ast.LtE,
    "GREATER": ast.Gt,
    "GREATER_EQUAL": ast.GtE,
    "IN": ast.In,
    "NOT_IN": ast.NotIn,
    "IS": ast.Is,
    "IS_NOT": ast.IsNot,
}
_DIRECTION = {"ARROW_OUT": "out", "ARROW_IN": "into", "ARROW_BOTH": "both"}
_CONNECT = {"CONNECT_OUT": "connect", "CONNECT_IN": "connect_in", "CONNECT_BOTH": "connect"}


def connected(scope: Scope, left: ast.expr, right: ast.expr, sign: Part) -> ast.expr:
    """Translate `a ++> b`, `a +>:Road:km=3:+> b` and the like. The value is the list of the nodes on the right."""
    if isinstance(sign, Token):
        return operate(scope, _CONNECT[sign.kind], [left, right], sign)
    edge = express(scope, sign.parts[1])
    values = [_keyword(scope, part) for part in sign.find_all("keyword")]
    incoming = sign.has("LINK_OPEN_IN") and sign.has("LINK_CLOSE")
    connect = operator(scope, "connect_in" if incoming else "connect", sign)
    if values:
        # A class is instantiated for each pair of nodes. An edge that is given is used once, and its fields are set here.
        edge = at(ast.Call(operator(scope, "edge_with", sign), [edge], values), sign)
    return call(connect, [left, right, edge], sign)


def _keyword(scope: Scope, tree: Tree) -> ast.keyword:
    return at(ast.keyword(name_of(tree.parts[0]), express(scope, tree.parts[1])), tree)


def disconnected(scope: Scope, left: ast.expr, right: ast.expr, sign: Part) -> ast.expr:
    """Translate `a del --> b`. The value is True if an edge was removed."""
    assert isinstance(sign, Tree)
    arrow = sign.parts[0]
    assert isinstance(arrow, Tree)
    direction, keywords = _arrow(scope, arrow)
    direction_text = at(ast.Constant(direction), sign)
    return at(ast.Call(operator(scope, "disconnect", sign), [left, right, direction_text], keywords), sign)


def spawned(scope: Scope, left: ast.expr, right: ast.expr, sign: Part) -> ast.expr:
    """Translate `root spawn w()` or `w() spawn root`. The value is the walker after its walk."""
    return operate(scope, "spawn", [left, right], sign)


@expression("edge_reference")
def _edge_reference(scope: Scope, tree: Tree) -> ast.expr:
    return _reference(scope, tree, "edges" if _asks_for_edges(tree) else "nodes")


def _asks_for_edges(tree: Tree) -> bool:
    return tree.has("EDGE") or tree.has("LEGACY_EDGES")


def _reference(scope: Scope, tree: Tree, last: str) -> ast.expr:
    """`[a -->(`?Stop)-->]`: hop by hop from where the chain begins, or from `here`. `last` is what the last hop gives, as
    `dialect/hops` names it."""
    hops = tree.find_all("hop")
    first = next((part for part in tree.parts if part.kind not in _NO_ORIGIN), None)
    near = scope.here if scope.family == "walker" else "self"
    origin = express(scope, first) if first is not None else name(near, tree)
    for hop in hops:
        origin = _hop(scope, origin, hop, last if hop is hops[-1] else "nodes")
    return at(origin, tree)


_NO_ORIGIN = frozenset(("hop", "ASYNC", "EDGE", "NODE", "LEGACY_EDGES", "LEGACY_NODES"))


def _hop(scope: Scope, origin: ast.expr, tree: Tree, gives: str) -> ast.expr:
    arrow = tree.parts[0]
    assert isinstance(arrow, Tree)
    direction, keywords = _arrow(scope, arrow)
    kind, test = None, []
    for part in tree.parts[1:]:
        if isinstance(part, Tree) and part.kind == "type_filter":
            scope.unit.ask(part.parts[0])
            kind = express(scope, part.parts[0])
        if isinstance(part, Tree) and part.kind in ("type_filter", "filter"):
            test += part.find_all("comparisons")
        else:
            keywords.append(ast.keyword("among", express(scope, part)))
    if kind is not None:
        keywords.append(ast.keyword("node", kind))
    if test:
        keywords.append(ast.keyword("node_if", _test(scope, test, tree)))
    for keyword in keywords:
        at(keyword, tree)
    words = [direction] if gives == "nodes" else [direction, gives]
    arguments = [origin, *(at(ast.Constant(word), tree) for word in words)]
    return at(ast.Call(operator(scope, "hop", tree), arguments, keywords), tree)


def _arrow(scope: Scope, tree: Tree) -> tuple[str, list[ast.keyword]]:
    """Return the direction of an arrow and its conditions on edges."""
    first = tree.parts[0]
    if first.kind in _DIRECTION:
        return _DIRECTION[first.kind], []
    direction = "out"
    if first.kind == "ARROW_OPEN_IN":
        direction = "into" if tree.has("ARROW_CLOSE") else "both"
    scope.unit.ask(tree.parts[1])
    keywords = [at(ast.keyword("edge", express(scope, tree.parts[1])), tree)]
    comparisons = tree.find_all("comparisons")
    if comparisons:
        keywords.append(at(ast.keyword("edge_if", _test(scope, comparisons, tree)), tree))
    return direction, keywords


def _test(scope: Scope, comparisons: list[Tree], part: Part) -> ast.expr:
    """Return a function that tests a single object."""
    one = scope.unit.fresh()
    arguments = ast.arguments([], [at(ast.arg(one), part)], None, [], [], None, [])
    return at(ast.Lambda(arguments, _conditions(scope, comparisons, one, part)), part)


def _conditions(
    scope: Scope, comparisons: list[Tree], one: str, part: Part, first: ast.expr | None = None
) -> ast.expr:
    tests = [] if first is None else [first]
    for group in comparisons:
        for comparison in group.find_all("comparison"):
            field, sign, value = comparison.parts
            asked = at(ast.Attribute(name(one, field), name_of(field), ast.Load()), field)
            tests.append(
                at(ast.Compare(asked, [COMPARATORS[sign.kind]()], [express(scope, value)]), comparison)
            )
    return tests[0] if len(tests) == 1 else at(ast.BoolOp(ast.And(), tests), part)


@expression("filtered")
def _filtered(scope: Scope, tree: Tree) -> ast.expr:
    """Translate `cars(?km>5)`: the list of the objects that pass."""
    return _those_of(scope, tree, express(scope, tree.parts[0]))


def _those_of(scope: Scope, tree: Tree, given: ast.expr) -> ast.expr:
    test = tree.parts[-1]
    assert isinstance(test, Tree)
    one = scope.unit.fresh()
    first = None
    if test.kind == "type_filter":
        scope.unit.ask(test.parts[0])
        first = operate(scope, "is_a", [name(one, test), express(scope, test.parts[0])], test)
    condition = _conditions(scope, test.find_all("comparisons"), one, test, first)
    loop = ast.comprehension(at(ast.Name(one, ast.Store()), tree), given, [condition], 0)
    return at(ast.ListComp(name(one, tree), [loop]), tree)


def indexed(scope: Scope, part: Part, index: ast.expr) -> ast.expr:
    """Translate the expression before an index.

    An edge reference, also one filtered by a class, loads only as many neighbours as the index needs. This requires a plain
    index, and no condition of the program's own."""
    limit = _reach(index)
    filtered = part if isinstance(part, Tree) and part.kind == "filtered" else None
    reference = filtered.parts[0] if filtered else part
    if not limit or not isinstance(reference, Tree) or reference.kind != "edge_reference":
        return express(scope, part)
    hop = express(scope, reference)
    assert isinstance(hop, ast.Call)
    words = {keyword.arg for keyword in hop.keywords}
    kind = None if filtered is None else _class_of(filtered)
    is_by_class = words <= {"edge"} and kind is not None and not _asks_for_edges(reference)
    if (filtered is None and words <= {"edge", "node"}) or is_by_class:
        hop.func = operator(scope, "hop_to_end", reference)
        hop.args.insert(0, at(ast.Constant(limit), reference))
        if kind is not None:
            scope.unit.ask(kind)
            hop.keywords.append(at(ast.keyword("of", express(scope, kind)), reference))
        return hop
    return hop if filtered is None else _those_of(scope, filtered, hop)


def _class_of(filtered: Tree) -> Part | None:
    """Return the class in `` (`?Stop) ``; None if there are other conditions."""
    test = filtered.parts[-1]
    is_plain = isinstance(test, Tree) and test.kind == "type_filter" and not test.find_all("comparisons")
    return test.parts[0] if is_plain and isinstance(test, Tree) else None


def _reach(index: ast.expr) -> int | None:
    """Return how many items an index needs, from the start or, if negative, from the end; None if it may need all."""
    if not isinstance(index, ast.Slice):
        place = _number(index)
        return None if place is None else place + 1 if place >= 0 else place
    lower, upper = _number(index.lower), _number(index.upper)
    is_known = (lower is None) == (index.lower is None) and (upper is None) == (index.upper is None)
    if not is_known or index.step is not None:
        return None
    if upper is not None and upper > 0 and (lower or 0) >= 0:
        return upper
    return lower if lower is not None and lower < 0 and (upper is None or upper < 0) else None


def _number(value: ast.expr | None) -> int | None:
    """Return the value of a number literal; None for any other expression."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        number = _number(value.operand)
        return None if number is None else -number
    return value.value if isinstance(value, ast.Constant) and type(value.value) is int else None


@expression("assigned")
def _assigned(scope: Scope, tree: Tree) -> ast.expr:
    """Translate `cars(=km=0)`: sets the fields of each object. The value is the list."""
    values = tree.parts[-1]
    assert isinstance(values, Tree)
    keywords = [_keyword(scope, part) for part in values.find_all("keyword")]
    return at(ast.Call(operator(scope, "assign", tree), [express(scope, tree.parts[0])], keywords), tree)


@statement("visit")
def _visit(scope: Scope, tree: Tree) -> list[ast.stmt]:
    parts = [part for part in tree.parts if part.kind not in ("index", "else", "colon_bases")]
    walker = name(scope.walker, tree)
    index = tree.find("index") if scope.unit.era != (0, 7) else None
    places, word = _places(scope, parts[0])
    arguments = [places] if index is None else [places, express(scope, index.parts[0])]
    visit = operate(scope, word, [walker, *arguments], tree)
    otherwise = tree.find("else")
    if otherwise is None:
        return [at(ast.Expr(visit), tree)]
    block = otherwise.parts[0]
    assert isinstance(block, Tree)
    return [at(ast.If(at(ast.UnaryOp(ast.Not(), visit), tree), body(scope, block), []), tree)]


def _places(scope: Scope, part: Part) -> tuple[ast.expr, str]:
    """Return what is visited, and by which operator. `[edge -->]` visits each edge and then the node behind it."""
    if isinstance(part, Tree) and part.kind == "edge_reference" and _asks_for_edges(part):
        return _reference(scope, part, "steps"), "visit_steps"
    return express(scope, part), "visit"


@statement("revisit")
def _revisit(scope: Scope, tree: Tree) -> list[ast.stmt]:
    scope.unit.wrong(tree, "`revisit` never had a meaning in Jac: write `visit here;`")
    return []


@statement("ignore")
def _ignore(scope: Scope, tree: Tree) -> list[ast.stmt]:
    arguments = [name(scope.walker, tree), express(scope, tree.parts[0])]
    return [at(ast.Expr(operate(scope, "ignore", arguments, tree)), tree)]


@statement("report")
def _report(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate `report`. From 0.8 on, `walkwire run` prints the value as well."""
    is_named = scope.ability or (scope.family == "walker" and scope.method)
    walker = name(scope.walker, tree) if is_named else at(ast.Constant(None), tree)
    word = "report" if scope.unit.era == (0, 7) else "report_aloud"
    return [at(ast.Expr(operate(scope, word, [walker, express(scope, tree.parts[0])], tree)), tree)]


@statement("DISENGAGE")
def _disengage(scope: Scope, token: Part) -> list[ast.stmt]:
    return [at(ast.Expr(operate(scope, "disengage", [name(scope.walker, token)], token)), token)]
