"""Foreign: makes Jac's own packages importable in a program's Python files: `from jac_cloud.core.archetype import NodeAnchor`.

A name has the same meaning as in a `.jac` file. Importing a name without an equivalent raises an ImportError that says what to
use instead. These modules take precedence over an installed jaclang, whose walkers walkwire cannot run. `bson`, of which
programs use `ObjectId`, has the lowest precedence: if it is installed, the installed package is used.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any

from walkwire.ids import new_id

PACKAGES = frozenset(("jaclang", "jac_cloud"))
# The modules of these packages that programs import from. Any other lower-case name after `from … import` is a plain name.
_MODULES = """
    lib core plugin jaseci runtimelib implementation architype archetype context models utils logger machine feature builtin
    builtins constructs websocket scheduler api datasources memory
"""


_BSON = frozenset(("bson", "bson.objectid", "bson.errors"))


def install() -> None:
    """Make the packages importable. A second call has no effect."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(PACKAGES, _Jacs))
        sys.meta_path.append(_Finder(frozenset(("bson",)), _Bson))


class BSONError(Exception):
    """Base class of the errors of bson."""


class InvalidId(BSONError, ValueError):
    """The text is not an id."""


class ObjectId(str):
    """An id like MongoDB's. Without an argument, a new one. Raises InvalidId for a text that is not an id."""

    __slots__ = ()

    def __new__(cls, id: Any = None) -> ObjectId:
        text = new_id() if id is None else str(id).rpartition(":")[2]
        if not re.fullmatch("[0-9a-fA-F]{24}", text):
            raise InvalidId(f"{id!r:.80} is not an id: 24 hex digits")
        return super().__new__(cls, text.lower())


class _Jacs(ModuleType):
    def __getattr__(self, name: str) -> Any:
        from walkwire.dialect import names
        from walkwire.dialect.operators import not_here
        from walkwire.jac.translate.names import IMPORTABLE, INSTEAD

        if name == "__all__":
            return sorted(IMPORTABLE)
        if name in IMPORTABLE:
            return getattr(names, IMPORTABLE[name])
        if name.startswith("__") or name in _MODULES.split():
            raise AttributeError(name)  # a module's: Python looks for it by itself
        not_here(self.__name__, name, INSTEAD.get(name, ""))


class _Bson(ModuleType):
    """A stand-in for `bson`, `bson.objectid` and `bson.errors`. Each has all of the names."""

    ObjectId = ObjectId
    BSONError = BSONError
    InvalidId = InvalidId

    def __getattr__(self, name: str) -> Any:
        if f"{self.__name__}.{name}" in _BSON:
            return importlib.import_module(f"{self.__name__}.{name}")
        raise AttributeError(name)


class _Finder(MetaPathFinder, Loader):
    def __init__(self, packages: frozenset[str], kind: type[ModuleType]) -> None:
        self._packages = packages
        self._kind = kind

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in self._packages:
            return None
        if self._kind is _Bson and fullname not in _BSON:
            return None
        return importlib.machinery.ModuleSpec(
            fullname, self, is_package=self._kind is _Jacs or fullname == "bson"
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._kind(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass
