"""Running Jac: a program in a graph of its own, and what it printed."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from walkwire.dialect.operators import Printed
from walkwire.ids import PUBLIC_ROOT
from walkwire.jac.importer import load
from walkwire.stores.scratch import ScratchStore
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """What a program prints: its text, or the path of its file. Each starts with an empty graph, as `walkwire run` does."""
    monkeypatch.setattr(Printed, "on", True)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def running(program: str | Path, era: str | None = None) -> str:
        file = program if isinstance(program, Path) else tmp_path / "program.jac"
        if isinstance(program, str):
            file.write_text(program, encoding="utf-8")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            loaded(file, era)
        for name in {*sys.modules} - before:
            if (getattr(sys.modules[name], "__file__", None) or ".jac").endswith(".jac"):
                del sys.modules[name]
        return printed.getvalue()

    return running


def loaded(file: Path, era: str | None = None) -> ModuleType:
    """The module of a program that was run."""
    store, registry = ScratchStore(), Registry()
    try:
        with registry.recording(), unit_of_work(store, registry, PUBLIC_ROOT):
            return load(file, era=era)
    finally:
        store.close()
