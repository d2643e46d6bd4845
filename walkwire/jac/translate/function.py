"""Functions: translates functions and abilities, their parameters, lambdas and tests."""

from __future__ import annotations

import ast

from walkwire.jac.syntax.slips import NO_MODEL
from walkwire.jac.syntax.tree import Part, Token, Tree, name_of
from walkwire.jac.translate.bodies import Given
from walkwire.jac.translate.names import METHODS
from walkwire.jac.translate.scope import (
    Scope,
    at,
    body,
    call,
    express,
    expression,
    name,
    operator,
    statement,
)


@statement("function")
def _function(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [define(scope, tree, None)]


@statement("ability")
def _ability(scope: Scope, tree: Tree) -> list[ast.stmt]:
    return [define(scope, tree, None)]


def documentation(scope: Scope, text: Part | None) -> list[ast.stmt]:
    """Return a docstring as a statement of Python."""
    if text is None:
        return []
    assert isinstance(text, Tree)
    return [at(ast.Expr(express(scope, text.parts[0])), text)]


def define(scope: Scope, tree: Tree, text: Part | None) -> ast.stmt:
    """Translate a function or an ability. Its body may be an `impl`."""
    given = scope.unit.given.get(id(tree))
    async_ = any(part.kind == "ASYNC" for part in tree.parts)
    method = scope.members and scope.family != ""
    is_ability = tree.kind == "ability"
    ability = is_ability or (scope.ability and not method)
    parameters = _event_parameters(scope, tree) if is_ability else _parameters(scope, tree, given, method)
    has_self = any(one.arg == "self" for one in parameters.args[:1]) if method else scope.method
    inner = scope.inside(members=False, ability=ability, method=has_self, async_=async_, loops=())
    where = given.tree if given and given.tree.find("block") else tree
    welcome = _here_of_080(scope, where) if is_ability else []
    statements = [*documentation(scope, text), *welcome, *_body(inner, tree, given)]
    kind = ast.AsyncFunctionDef if async_ else ast.FunctionDef
    returned = _returned(scope, tree, given)
    decorated = _decorators(scope, tree, method)
    if decorated and where is not tree:
        at(decorated[0], where)  # the lines of a function are counted from its first decorator
    return at(kind(_named(tree, method), parameters, statements, decorated, returned, None), where)


def _named(tree: Tree, method: bool) -> str:
    token = tree.token("NAME")
    if token is None:
        return f"ability at {tree.line}:{tree.column}"  # a text that is no name: no program has a method of this name
    return METHODS[token.text] if method and token.text in METHODS else name_of(token)


def _here_of_080(scope: Scope, where: Tree) -> list[ast.stmt]:
    """Return statements that define `here` if a node's ability uses it: 0.8.0 called the walker `here`, later ones `visitor`."""
    if scope.here == "here":
        return []
    parts = list(where.walk())
    declared = (part for part in parts if isinstance(part, Tree) and part.kind in ("global", "nonlocal"))
    uses = any(isinstance(part, Token) and part.text == "here" for part in parts)
    if not uses or any(
        isinstance(one, Token) and one.text == "here" for part in declared for one in part.parts
    ):
        return []
    stored = at(ast.Name("here", ast.Store()), where)
    return [at(ast.Assign([stored], name(scope.here, where)), where)]


def _body(scope: Scope, tree: Tree, given: Given | None) -> list[ast.stmt]:
    model = tree.find("by_model")
    if model:
        scope.unit.wrong(model, NO_MODEL)
    block = tree.find("block")
    if given is not None and not tree.has("ABS"):
        if elsewhere := given.tree.find("by_model"):
            scope.unit.wrong(elsewhere, NO_MODEL)
        block = given.tree.find("block")
    if block is None:
        return [at(ast.Pass(), tree)]
    return body(scope, block)


def _decorators(scope: Scope, tree: Tree, method: bool) -> list[ast.expr]:
    made = decorators(scope, tree)
    if method and tree.has("STATIC"):
        made.insert(0, operator(scope, "static", tree))
    if method and tree.has("ABS"):
        made.append(operator(scope, "abstractmethod", tree))
    event = tree.find("event")
    if event:
        word = "on_entry" if event.has("ENTRY") else "on_exit"
        trigger = next((part for part in event.parts if part.kind not in _NO_TRIGGER), None)
        if trigger is not None:
            _ask_trigger(scope, trigger)
        waits = at(ast.Constant(None), event) if trigger is None else express(scope, trigger)
        nothing = ast.arguments([], [], None, [], [], None, [])
        when = at(ast.Lambda(nothing, waits), event)
        made.append(call(operator(scope, word, event), [when], event))
    return made


def _ask_trigger(scope: Scope, part: Part) -> None:
    """Have the classes of a trigger looked up: one, or several. Record an error for the value `root`."""
    if isinstance(part, Token) and part.kind == "NAME" and part.text == "root":
        scope.unit.wrong(part, _ROOT)
    elif isinstance(part, Tree) and part.kind in ("operation", "parenthesised", "arguments"):
        for inner in part.parts:
            _ask_trigger(scope, inner)
    else:
        scope.unit.ask(part)


_ROOT = "`root` is a node, and an ability waits for a class: write `` `root ``, with a backtick"
_NO_TRIGGER = frozenset(("ENTRY", "EXIT", "STRING", "returns"))


def decorators(scope: Scope, tree: Tree) -> list[ast.expr]:
    """Translate the decorators of a declaration."""
    found = tree.find("decorators")
    if found is None:
        return []
    # In 0.7 only the first of several decorators has an effect.
    parts = found.parts[:1] if scope.unit.era == (0, 7) else found.parts
    return [express(scope, part) for part in parts]


def _returned(scope: Scope, tree: Tree, given: Given | None) -> ast.expr | None:
    for source in (tree, given.tree if given else None):
        for holder in ("signature", "event"):
            found = source.find(holder) if source else None
            returns = found.find("returns") if found else None
            if returns:
                return express(scope, returns.parts[-1])
    return None


def _event_parameters(scope: Scope, tree: Tree) -> ast.arguments:
    return ast.arguments(
        [], [at(ast.arg("self"), tree), at(ast.arg(scope.here), tree)], None, [], [], None, []
    )


def _parameters(scope: Scope, tree: Tree, given: Given | None, method: bool) -> ast.arguments:
    """Return the parameters of a function: those of its `impl` if it has any, with the defaults of both."""
    declared = _listed(tree)
    parts = declared
    if given is not None:
        elsewhere = _listed(given.tree)
        if elsewhere and (len(elsewhere) == len(declared) or not declared):
            parts = elsewhere
    implicit = method and _takes_self(scope, tree, given) and not _is_static(tree) and not _names_self(parts)
    first = [at(ast.arg("self"), tree)] if implicit else []
    return arguments(scope, parts, first, declared if parts is not declared else [])


def _takes_self(scope: Scope, tree: Tree, given: Given | None) -> bool:
    """Return whether to add `self`. In a `class` it is added only to a method without any parameter list."""
    if scope.family not in ("class", "enum"):
        return True
    says = any(
        source is not None and source.find("signature") for source in (tree, given.tree if given else None)
    )
    return not says and scope.family == "class" and scope.unit.era != (0, 7)


def _names_self(parts: list[Part]) -> bool:
    """Return whether `self` is written although it would be added anyway."""
    token = parts[0].token("NAME") if parts and isinstance(parts[0], Tree) else None
    return token is not None and token.text == "self"


def _is_static(tree: Tree) -> bool:
    found = tree.find("decorators")
    return tree.has("STATIC") or (
        found is not None
        and any(isinstance(part, Token) and part.text == "staticmethod" for part in found.parts)
    )


def _listed(tree: Tree) -> list[Part]:
    signature = tree.find("signature")
    parameters = signature.find("parameters") if signature else None
    return parameters.parts if parameters else []


def arguments(
    scope: Scope, parts: list[Part], first: list[ast.arg], declared: list[Part], typed: bool = True
) -> ast.arguments:
    """Return Python's parameters. `declared` are the parameters of the declaration, which may have the defaults."""
    made = ast.arguments([], list(first), None, [], [], None, [])
    for place, part in enumerate(parts):
        if _is_misplaced(made, part):
            scope.unit.wrong(part, "parameters stand in this order: `a, /, b, *args, c, **named`")
        if part.kind == "SLASH":
            made.posonlyargs, made.args = made.args, []
        elif part.kind == "STAR":
            made.vararg = _STAR_ONLY
        else:
            assert isinstance(part, Tree)
            _add(scope, made, part, declared[place] if place < len(declared) else None, typed)
    if made.vararg is _STAR_ONLY:
        made.vararg = None
        if not made.kwonlyargs:
            scope.unit.wrong(parts[-1], "behind a bare `*` stands at least one parameter")
    return made


_STAR_ONLY = ast.arg("*")


def _is_misplaced(made: ast.arguments, part: Part) -> bool:
    """Return whether a parameter, or a separator of parameters, is not possible after those before it."""
    if made.kwarg is not None:
        return True
    if part.kind == "SLASH":
        # One with nothing before it says nothing, and Jac takes it.
        return bool(made.posonlyargs or made.vararg)
    is_star = part.kind == "STAR" or (isinstance(part, Tree) and part.parts[0].kind == "STAR")
    return is_star and made.vararg is not None


def _add(scope: Scope, made: ast.arguments, part: Tree, declared: Part | None, typed: bool) -> None:
    annotation = part.find("type_tag")
    assert annotation is not None
    token = part.token("NAME")
    assert token is not None
    one = at(ast.arg(name_of(token), express(scope, annotation.parts[0]) if typed else None), part)
    default = _default(part) or (_default(declared) if isinstance(declared, Tree) else None)
    value = express(scope, default) if default else None
    if part.parts[0].kind == "STAR":
        made.vararg = one
    elif part.parts[0].kind == "POWER":
        made.kwarg = one
    elif made.vararg:
        made.kwonlyargs.append(one)
        made.kw_defaults.append(value)
    else:
        made.args.append(one)
        if value is not None:
            # Where a parameter without a default follows, Jac takes the default for the last parameter, as Python's tree does.
            made.defaults.append(value)


def _default(part: Tree) -> Part | None:
    last = part.parts[-1]
    return None if last.kind == "type_tag" else last


@expression("function")
def _function_expression(scope: Scope, tree: Tree) -> ast.expr:
    """Translate `(def f(x: int) -> int { … })(5)`: the function is defined before the statement that contains it."""
    made = define(scope.inside(members=False), tree, None)
    assert isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef)
    scope.before.append(made)
    return name(made.name, tree)


@expression("lambda", "legacy_lambda")
def _lambda(scope: Scope, tree: Tree) -> ast.expr:
    listed = tree.find("parameters")
    parts = listed.parts if listed else []
    last = tree.parts[-1]
    inner = scope.inside(members=False, loops=())
    if last.kind == "block" and isinstance(last, Tree):
        returns = tree.find("returns")
        returned = express(scope, returns.parts[-1]) if returns else None
        return _hoisted(scope, arguments(scope, parts, [], []), body(inner, last), returned, tree)
    value = express(inner, last)
    if inner.before:
        statements = [*inner.before, at(ast.Return(value), last)]
        return _hoisted(scope, arguments(scope, parts, [], []), statements, None, tree)
    return at(ast.Lambda(arguments(scope, parts, [], [], typed=False), value), tree)


def _hoisted(
    scope: Scope, parameters: ast.arguments, statements: list[ast.stmt], returned: ast.expr | None, tree: Tree
) -> ast.expr:
    """Translate a lambda with statements: a function that is defined before the statement that contains it."""
    named = scope.unit.fresh()
    scope.before.append(at(ast.FunctionDef(named, parameters, statements, [], returned, None), tree))
    return name(named, tree)


@statement("test")
def _test(scope: Scope, tree: Tree) -> list[ast.stmt]:
    """Translate a test: a function that runs only on request. Its name is the one written, or its line."""
    token = tree.token("NAME") or tree.token("STRING")
    named = scope.unit.fresh()
    text = f"test_{tree.line}"
    if token is not None:
        text = name_of(token) if token.kind == "NAME" else str(ast.literal_eval(token.text))
    block = tree.find("block")
    assert block is not None
    inner = scope.inside(loops=())
    label = call(operator(scope, "test", tree), [at(ast.Constant(text), tree)], tree)
    parameters = ast.arguments([], [], None, [], [], None, [])
    return [at(ast.FunctionDef(named, parameters, body(inner, block), [label], None, None), tree)]
