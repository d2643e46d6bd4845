"""Ability: which method runs where. Read once per class, planned once per pair of classes."""

from __future__ import annotations

import inspect
import types
import typing
from collections import ChainMap
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, overload

from walkwire.walk.registry import known_classes

Event = Literal["entry", "exit"]
Function = TypeVar("Function", bound=Callable[..., Any])
Trigger = Callable[[], "type | tuple[type, ...] | types.UnionType | None"]


class Skip(BaseException):
    """Leaves the ability. Not an Exception, so that a program's own `except Exception` lets it pass."""


class Disengage(BaseException):
    """Ends the walk of a walker."""


class Ability(NamedTuple):
    """A method with an event. `trigger` gives the classes it waits for: None where the annotation tells."""

    event: Event
    trigger: Trigger | None


@overload
def on_entry(target: Trigger) -> Callable[[Function], Function]: ...
@overload
def on_entry(target: Function) -> Function: ...
def on_entry(target: Any) -> Any:
    """Make a method an ability that runs when a walker comes to a node.

    The annotation of the second parameter says where: a class, a union, or, without that parameter, anywhere.
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


def _declare(event: Event, target: Any) -> Any:
    if inspect.isfunction(target) and target.__code__.co_argcount == 0:
        return lambda function: _mark(function, Ability(event, target))
    return _mark(target, Ability(event, None))


def _mark(function: Any, ability: Ability) -> Any:
    function.__abilities__ = (*getattr(function, "__abilities__", ()), ability)
    return function


class Step(NamedTuple):
    """One ability, ready to run: `by_walker` if it is a method of the walker, `takes_other` if it has a second parameter."""

    function: Callable[..., Any]
    by_walker: bool
    takes_other: bool
    is_async: bool


class Plan(NamedTuple):
    """What a walker does at a kind of place, in the order of `docs/walkers.md`."""

    entries: tuple[Step, ...]
    exits: tuple[Step, ...]


class _Declared(NamedTuple):
    event: Event
    types: tuple[type, ...] | None
    step: Step


_abilities: dict[type, tuple[_Declared, ...]] = {}
_has_async: dict[type, bool] = {}
_plans: dict[tuple[type, type], Plan] = {}


def plan_of(walker: type, place: type) -> Plan:
    """The typed abilities of both: the walker's entry, the place's entry; the place's exit, the walker's exit."""
    plan = _plans.get((walker, place))
    if plan is None:
        mine = [ability for ability in _abilities_of(walker, by_walker=True) if ability.types is not None]
        theirs = _abilities_of(place, by_walker=False)
        entries = _matching(mine, "entry", place) + _matching(theirs, "entry", walker)
        exits = _matching(theirs, "exit", walker) + _matching(mine, "exit", place)
        plan = _plans[walker, place] = Plan(entries, exits)
    return plan


def frame_of(walker: type) -> Plan:
    """The walker's untyped abilities: once at the start, once at the end."""
    plan = _plans.get((walker, object))
    if plan is None:
        untyped = [ability for ability in _abilities_of(walker, by_walker=True) if ability.types is None]
        plan = Plan(_matching(untyped, "entry", object), _matching(untyped, "exit", object))
        _plans[walker, object] = plan
    return plan


def has_async(walker: type) -> bool:
    """Whether a walker has an ability that is a coroutine function; such a walk runs on the programs' own event loop."""
    found = _has_async.get(walker)
    if found is None:
        found = any(ability.step.is_async for ability in _abilities_of(walker, by_walker=True))
        _has_async[walker] = found
    return found


def _matching(abilities: typing.Iterable[_Declared], event: Event, other: type) -> tuple[Step, ...]:
    return tuple(
        ability.step
        for ability in abilities
        if ability.event == event and (ability.types is None or issubclass(other, ability.types))
    )


def _abilities_of(cls: type, *, by_walker: bool) -> tuple[_Declared, ...]:
    """Base classes first; a method of the same name takes the place of the one it overrides."""
    if cls not in _abilities:
        found: dict[str, tuple[_Declared, ...]] = {}
        for base in reversed(cls.__mro__):
            for name, member in vars(base).items():
                if declared := getattr(member, "__abilities__", None):
                    # One without a name (`can with entry`) overrides none; the translator gives it a text that is no name.
                    key = name if name.isidentifier() else f"{name} of {id(base)}"
                    found[key] = tuple(_read(cls, member, ability, by_walker) for ability in declared)
                elif name in found:
                    del found[name]
        _abilities[cls] = tuple(ability for abilities in found.values() for ability in abilities)
    return _abilities[cls]


def _read(cls: type, function: Any, ability: Ability, by_walker: bool) -> _Declared:
    parameters = list(inspect.signature(function).parameters.values())
    takes_other = len(parameters) > 1
    if ability.trigger is not None:
        trigger: Any = ability.trigger()
    elif takes_other and parameters[1].annotation is not inspect.Parameter.empty:
        trigger = _resolve(cls, function, parameters[1])
    else:
        trigger = None
    step = Step(function, by_walker, takes_other, inspect.iscoroutinefunction(function))
    return _Declared(ability.event, _as_types(trigger), step)


def _resolve(cls: type, function: Any, parameter: inspect.Parameter) -> Any:
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    try:
        names = ChainMap(function.__globals__, known_classes())
        return eval(parameter.annotation, {}, names)  # noqa: S307 - an annotation is the program's own code
    except NameError as error:
        raise TypeError(f"{cls.__name__}.{function.__name__}: {error} in its trigger") from None


def _as_types(trigger: Any) -> tuple[type, ...] | None:
    if trigger is None or trigger is Any:
        return None
    if isinstance(trigger, types.UnionType) or typing.get_origin(trigger) is typing.Union:
        return typing.get_args(trigger)
    return trigger if isinstance(trigger, tuple) else (trigger,)
