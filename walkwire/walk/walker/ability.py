"""Ability: which methods of walkers and nodes run where. Abilities are read once per class, plans made once per pair of classes.

`Any` in this file: functions and triggers of programs, of any signature.
"""

from __future__ import annotations

import builtins
import inspect
import linecache
import re
import types
import typing
from collections import ChainMap
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, cast, overload

from walkwire.errors import ProgramError
from walkwire.walk.mistake import near
from walkwire.walk.registry import Registry, family_of, known_classes

Event = Literal["entry", "exit"]
Function = TypeVar("Function", bound=Callable[..., Any])
Trigger = Callable[[], "type | tuple[type, ...] | types.UnionType | None"]


class Skip(BaseException):
    """Leave the ability. Not an Exception: a program's own `except Exception` does not catch it."""


class Disengage(BaseException):
    """End the walk of a walker."""


class Ability(NamedTuple):
    """A method with an event. `trigger` returns the classes that it waits for; None: its annotation names them."""

    event: Event
    trigger: Trigger | None


@overload
def on_entry(target: Trigger) -> Callable[[Function], Function]: ...
@overload
def on_entry(target: Function) -> Function: ...
def on_entry(target: Any) -> Any:
    """Make a method an ability that runs when a walker comes to a node.

    The annotation of its second parameter names the classes: a class or a union. Without that parameter it runs everywhere.
    `@on_entry(lambda: Stop)` names a class that is defined further down.
    """
    return _declare("entry", target)


@overload
def on_exit(target: Trigger) -> Callable[[Function], Function]: ...
@overload
def on_exit(target: Function) -> Function: ...
def on_exit(target: Any) -> Any:
    """Make a method an ability that runs when a walker leaves a node; see `on_entry`."""
    return _declare("exit", target)


def _declare(event: Event, target: Any) -> object:
    if inspect.isfunction(target) and target.__code__.co_argcount == 0:
        return lambda function: _mark(function, Ability(event, target))
    return _mark(target, Ability(event, None))


def _mark(function: Any, ability: Ability) -> object:
    if inspect.isfunction(function):
        _refuse_plain_class(function)
    function.__abilities__ = (*getattr(function, "__abilities__", ()), ability)
    return function


class Step(NamedTuple):
    """One ability, ready to run.

    - by_walker: a method of the walker, not of the place
    - takes_other: it has a second parameter
    """

    function: Callable[..., Any]
    by_walker: bool
    takes_other: bool
    is_async: bool


class AbilityPlan(NamedTuple):
    """The abilities that run for a class of walkers at a class of places, in the order of `docs/walkers.md`."""

    entries: tuple[Step, ...]
    exits: tuple[Step, ...]


class _Declared(NamedTuple):
    event: Event
    types: tuple[type, ...] | None
    step: Step


_abilities: dict[type, tuple[_Declared, ...]] = {}
_has_async: dict[type, bool] = {}
_plans: dict[tuple[type, type], AbilityPlan] = {}


def plan_of(walker: type, place: type) -> AbilityPlan:
    """Return the typed abilities of both: entries of the walker, then of the place; exits of the place, then of the walker."""
    plan = _plans.get((walker, place))
    if plan is None:
        mine = [ability for ability in _abilities_of(walker, by_walker=True) if ability.types is not None]
        theirs = _abilities_of(place, by_walker=False)
        entries = _matching(mine, "entry", place) + _matching(theirs, "entry", walker)
        exits = _matching(theirs, "exit", walker) + _matching(mine, "exit", place)
        plan = _plans[walker, place] = AbilityPlan(entries, exits)
    return plan


def frame_of(walker: type) -> AbilityPlan:
    """Return the walker's untyped abilities, which run once at its start and once at its end."""
    plan = _plans.get((walker, object))
    if plan is None:
        untyped = [ability for ability in _abilities_of(walker, by_walker=True) if ability.types is None]
        plan = AbilityPlan(_matching(untyped, "entry", object), _matching(untyped, "exit", object))
        _plans[walker, object] = plan
    return plan


def has_async(walker: type) -> bool:
    """Return whether a walker has an async ability. Such a walk runs on the event loop for async abilities."""
    found = _has_async.get(walker)
    if found is None:
        found = any(ability.step.is_async for ability in _abilities_of(walker, by_walker=True))
        _has_async[walker] = found
    return found


def check_abilities(registry: Registry) -> None:
    """Raise ProgramError for an ability of a program whose trigger names no class. Call it when all classes are known."""
    for cls in registry.classes():
        family = family_of(cls)
        if family != "obj":
            _abilities_of(cls, by_walker=family == "walker")


def _matching(abilities: typing.Iterable[_Declared], event: Event, other: type) -> tuple[Step, ...]:
    return tuple(
        ability.step
        for ability in abilities
        if ability.event == event and (ability.types is None or issubclass(other, ability.types))
    )


def _abilities_of(cls: type, *, by_walker: bool) -> tuple[_Declared, ...]:
    """Return the abilities of a class, those of its bases first. A method replaces the one of the same name that it overrides."""
    if cls not in _abilities:
        found: dict[str, tuple[_Declared, ...]] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                if declared := getattr(member, "__abilities__", None):
                    # One without a name (`can with entry`) overrides none; the translator gives it a text that is no name.
                    key = name if name.isidentifier() else f"{name} of {id(base)}"
                    found[key] = tuple(_ability_of(cls, member, ability, by_walker) for ability in declared)
                elif name in found:
                    del found[name]
        _abilities[cls] = tuple(ability for abilities in found.values() for ability in abilities)
    return _abilities[cls]


def _ability_of(cls: type, function: Callable[..., Any], ability: Ability, by_walker: bool) -> _Declared:
    parameters = list(inspect.signature(function).parameters.values())
    takes_other = len(parameters) > 1
    if ability.trigger is not None:
        trigger = _called(cls, function, ability.trigger)
    elif takes_other and parameters[1].annotation is not inspect.Parameter.empty:
        trigger = _resolve(cls, function, parameters[1])
    else:
        trigger = None
    step = Step(function, by_walker, takes_other, inspect.iscoroutinefunction(function))
    waits_for = _as_types(trigger)
    for one in waits_for or ():
        if not isinstance(one, type):
            raise _wrong(cls, function, f"{one!r:.60} is no class, so it cannot say where the ability runs")
        if _is_pythons(one):
            raise _wrong(cls, function, _PLAIN.format(one.__name__))
    return _Declared(ability.event, waits_for, step)


def _resolve(cls: type, function: Any, parameter: inspect.Parameter) -> object:
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    try:
        names = ChainMap(function.__globals__, known_classes())
        return eval(parameter.annotation, {}, names)  # noqa: S307 - an annotation is the program's own code
    except NameError as error:
        raise _wrong(cls, function, _no_class(error, names)) from None


def _called(cls: type, function: Any, trigger: Trigger) -> object:
    try:
        return trigger()
    except NameError as error:
        names = ChainMap(getattr(trigger, "__globals__", {}), known_classes())
        raise _wrong(cls, function, _no_class(error, names)) from None


def _no_class(error: NameError, names: typing.Mapping[str, object]) -> str:
    name = error.name or str(error)
    meant = near(name, [known for known, value in names.items() if isinstance(value, type)])
    return f"there is no class {name}.{meant} It has to be defined, or imported, when the program has been loaded"


def _refuse_plain_class(function: types.FunctionType) -> None:
    """Raise TypeError if an ability waits for a class of Python itself, such as `here: int`: it would never run."""
    names = list(function.__annotations__)[:1]
    if not names or names == ["return"] or function.__code__.co_argcount < 2:
        return
    given = function.__annotations__[names[0]]
    if isinstance(given, str) and given not in function.__globals__:
        given = vars(builtins).get(given)
    if isinstance(given, type) and _is_pythons(given):
        raise _wrong(None, function, _PLAIN.format(given.__name__))


_PLAIN = "no walk ever comes to a value of the class {}: name a class of nodes, of edges or of walkers"


def _is_pythons(cls: type) -> bool:
    return cls.__module__ == "builtins" and cls is not object


def _wrong(cls: type | None, function: Any, message: str) -> ProgramError:
    """Return the error for a trigger that names no class, with the line of the ability."""
    code = inspect.unwrap(function).__code__
    line = next(
        (
            number
            for number in range(code.co_firstlineno, code.co_firstlineno + LONGEST_HEAD)
            if _HEAD.search(linecache.getline(code.co_filename, number))
        ),
        code.co_firstlineno,
    )
    name = function.__qualname__ if cls is None else f"{cls.__name__}.{function.__name__}"
    text = linecache.getline(code.co_filename, line) or None
    return ProgramError(code.co_filename, line, None, text, f"{name}: {message}")


LONGEST_HEAD = 20  # lines of decorators in front of a method
_HEAD = re.compile(r"^\s*((async\s+)?(def|can)\b|.*\bcan\b)")


def _as_types(trigger: object) -> tuple[type, ...] | None:
    if trigger is None or trigger is Any:
        return None
    if isinstance(trigger, types.UnionType) or typing.get_origin(trigger) is typing.Union:
        return typing.get_args(trigger)
    return trigger if isinstance(trigger, tuple) else (cast("type", trigger),)
