"""Registry: the classes of a program, by name. Records name classes, and requests name walkers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any, Literal, NamedTuple, TypeVar

AnyClass = TypeVar("AnyClass", bound=type)
Family = Literal["node", "edge", "walker", "obj"]

_recording: ContextVar[Registry | None] = ContextVar("recording", default=None)


class ChannelRule(NamedTuple):
    """What a program says of channels: `decide`, a function or a class of walkers, decides who may join and send in them.

    - pattern: of channel ids, as of file names
    - seconds: how long an answer holds; 0: for one question
    """

    pattern: str
    decide: Any  # a function of any shape that `walkwire.authorize` allows, or a class
    seconds: float


class Registry:
    """The archetypes of one program, by name; of two with the same name the one made last. `user` is its class of users.

    `channel_rules` are its rules of channels, in the order of their definition. `presence_info` makes what others see of a user
    in the lists of channels: a function of any shape that `walkwire.presence_info` allows, or a class of walkers.

    A name that the program does not have is looked for among all classes of the process: a module that another program
    imported before makes its classes only once.
    """

    def __init__(self) -> None:
        self.walkers: dict[str, type] = {}
        self.user: type | None = None
        self.channel_rules: list[ChannelRule] = []
        self.presence_info: Any = None
        self._subscribers: list[Callable[[type], None]] = []
        self._classes: dict[tuple[Family, str], type] = {}

    def find(self, family: Family, name: str) -> type | None:
        """Return the class of this family and name, or None."""
        key = (family, name)
        return self._classes.get(key) or _everything._classes.get(key)

    def classes(self, family: Family | None = None) -> list[type]:
        """Return the archetypes of the program, in the order of their definition: of a family, or all."""
        return [cls for (of, _), cls in list(self._classes.items()) if family in (None, of)]

    def add(self, cls: type) -> None:
        """Add a class. Ignores classes that are neither archetypes nor the program's class of users."""
        if getattr(cls, "__is_user__", False):
            self.user = cls
        family = family_of(cls)
        if family is None:
            return
        self._classes[family, cls.__name__] = cls
        if family == "walker":
            self.walkers[cls.__name__] = cls
            for tell in self._subscribers:
                tell(cls)

    def subscribe(self, on_walker: Callable[[type], None]) -> Callable[[], None]:
        """Call `on_walker` with each walker that is added from now on, in the thread that made it.

        Returns a function that ends the subscription.
        """
        self._subscribers.append(on_walker)
        return lambda: self._subscribers.remove(on_walker)

    def add_all(self, names: Iterable[object]) -> None:
        """Add all archetypes, and functions with rules, among the values of a module's namespace, except walkwire's own."""
        for value in names:
            if isinstance(value, FunctionType | type):
                for rule in _rules.get(value, ()):
                    self.add_rule(rule)
                if value in _infos:
                    self.presence_info = value
            if isinstance(value, type) and not value.__module__.startswith("walkwire."):
                self.add(value)

    def add_rule(self, rule: ChannelRule) -> None:
        """Add a rule of channels, unless it is known."""
        if rule not in self.channel_rules:
            self.channel_rules.append(rule)

    def record(self) -> None:
        """Add every archetype that this thread defines from now on."""
        _recording.set(self)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Add every archetype that is defined inside the `with` block."""
        token = _recording.set(self)
        try:
            yield
        finally:
            _recording.reset(token)


_everything = Registry()
_rules: dict[object, list[ChannelRule]] = {}  # by function or class
_infos: set[object] = set()  # functions and classes that make the info of users


def enrol(cls: type) -> None:
    """Add an archetype to the process's registry and to the recording one. Called when its class is defined."""
    _everything.add(cls)
    if (registry := _recording.get()) is not None and not cls.__module__.startswith("walkwire."):
        registry.add(cls)
    _kinds.clear()


def enrol_rule(rule: ChannelRule) -> None:
    """Add a rule of channels to the recording registry, and to those that its function or class is added to later."""
    _rules.setdefault(rule.decide, []).append(rule)
    if (registry := _recording.get()) is not None:
        registry.add_rule(rule)


def enrol_presence_info(maker: object) -> None:
    """Let this make the info of users in the recording registry, and in those that it is added to later."""
    _infos.add(maker)
    if (registry := _recording.get()) is not None:
        registry.presence_info = maker


# Not attributes of the classes: a program may use any name for its own.
_families: dict[type, Family] = {}
_heads: dict[Family, type] = {}
_stored_names: dict[type, str] = {}


def heads(family: Family) -> Callable[[AnyClass], AnyClass]:
    """Declare a class the head of a family. It and its subclasses belong to that family."""

    def give(cls: AnyClass) -> AnyClass:
        _families[cls] = family
        _heads[family] = cls
        enrol(cls)
        return cls

    return give


def family_of(cls: type) -> Family | None:
    """Return the family of a class; None if it is not an archetype."""
    return next((_families[base] for base in cls.__mro__ if base in _families), None)


def head_of(family: Family) -> type:
    """Return the class that heads a family: the base of all its classes. Raises KeyError before that class is made."""
    return _heads[family]


def stored_without_name(cls: AnyClass) -> AnyClass:
    """Store records of a class without a class name: roots and plain edges."""
    _stored_names[cls] = ""
    return cls


_kinds: dict[type, frozenset[str]] = {}


def kinds_of(cls: type) -> frozenset[str]:
    """Return the names under which records of this class and its subclasses are stored."""
    if cls not in _kinds:
        derived: list[type] = type.__subclasses__(cls)
        _kinds[cls] = frozenset({kind_of(cls)}.union(*map(kinds_of, derived)))
    return _kinds[cls]


def kind_of(cls: type) -> str:
    """Return the name under which records of this class are stored."""
    return _stored_names.get(cls, cls.__name__)


def known_classes() -> dict[str, type]:
    """Return every archetype of the process by name, to resolve annotations that a module cannot."""
    return {name: cls for (_, name), cls in _everything._classes.items()}
