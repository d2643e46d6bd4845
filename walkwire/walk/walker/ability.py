"""Ability: which methods of walkers and nodes run where. Abilities are read once per class, plans made once per pair of classes.

`Any` in this file: functions and triggers of programs, of any signature.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections import ChainMap
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, cast, overload

from walkwire.walk.registry import known_classes

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
        trigger: object = ability.trigger()
    elif takes_other and parameters[1].annotation is not inspect.Parameter.empty:
        trigger = _resolve(cls, function, parameters[1])
    else:
        trigger = None
    step = Step(function, by_walker, takes_other, inspect.iscoroutinefunction(function))
    return _Declared(ability.event, _as_types(trigger), step)


def _resolve(cls: type, function: Any, parameter: inspect.Parameter) -> object:
    if not isinstance(parameter.annotation, str):
        return parameter.annotation
    try:
        names = ChainMap(function.__globals__, known_classes())
        return eval(parameter.annotation, {}, names)  # noqa: S307 - an annotation is the program's own code
    except NameError as error:
        raise TypeError(f"{cls.__name__}.{function.__name__}: {error} in its trigger") from None


def _as_types(trigger: object) -> tuple[type, ...] | None:
    if trigger is None or trigger is Any:
        return None
    if isinstance(trigger, types.UnionType) or typing.get_origin(trigger) is typing.Union:
        return typing.get_args(trigger)
    return trigger if isinstance(trigger, tuple) else (cast("type", trigger),)
