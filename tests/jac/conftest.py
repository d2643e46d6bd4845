"""Running Jac: a program in a graph of its own, and what it printed."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from walkwire.ids import PUBLIC_ROOT
from walkwire.jac.importer import load
from walkwire.store import Store
from walkwire.stores import open_store
from walkwire.walk.operators import Spoken
from walkwire.walk.registry import Registry
from walkwire.walk.unit import unit_of_work

Run = Callable[..., str]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('jac')}/graph.db")
    yield opened
    opened.close()


@pytest.fixture
def run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a program prints: its text, or the path of its file. Each starts with an empty graph, as `walkwire run` does."""
    monkeypatch.setattr(Spoken, "on", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def running(program: str | Path, era: str | None = None) -> str:
        file = program if isinstance(program, Path) else tmp_path / "program.jac"
        if isinstance(program, str):
            file.write_text(program, encoding="utf-8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            loaded(store, file, era)
        for name in {*sys.modules} - before:
            if (getattr(sys.modules[name], "__file__", None) or ".jac").endswith(".jac"):
                del sys.modules[name]
        return printed.getvalue()

    return running


class _Over(Exception):
    """Ends a unit of work without a commit, so that the next program finds an empty graph."""


def loaded(store: Store, file: Path, era: str | None = None) -> ModuleType:
    """The module of a program that was run; its changes to the graph are dropped."""
    registry = Registry()
    module = None
    with contextlib.suppress(_Over), registry.recording(), unit_of_work(store, registry, PUBLIC_ROOT):
        module = load(file, era=era)
        raise _Over
    assert module is not None
    return module
