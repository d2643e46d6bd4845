"""Blocks: runs the `test` blocks of a Jac program in order, and prints the results as pytest does (`walkwire test`)."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from walkwire import foreign
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.stores.scratch import ScratchStore
from walkwire.trace import trace_of
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work

_WIDTH = 80


class Failure(NamedTuple):
    """A block that failed: its name, the traceback, and the error in one line."""

    name: str
    traceback: str
    error: str


def run_blocks(file: Path, era: str | None = None, write: Callable[[str], Any] = sys.stdout.write) -> bool:
    """Load a program, run its blocks, and print the results with `write`. True if all blocks passed.

    All blocks share one temporary graph. An error while the program is loaded is printed with its traceback. Raises StartError
    if the program cannot be translated or has no blocks.
    """
    if file.suffix != ".jac":
        raise StartError(
            f"{file} has no test blocks: Python programs are tested by pytest, with walkwire.testing"
        )
    from walkwire.jac import importer

    foreign.install()
    began = time.perf_counter()
    registry, store = Registry(), ScratchStore()
    failures: list[Failure] = []
    try:
        with registry.recording(), unit_of_work(store, registry, PUBLIC_ROOT):
            try:
                module = importer.load(file, name=file.stem.replace(".", "_"), era=era)
            except StartError:
                raise
            except Exception as error:
                write(f"{trace_of(error)}\n{file} could not be loaded: none of its test blocks was run\n")
                return False
            blocks = getattr(module, "__jac_tests__", [])
            if not blocks:
                raise StartError(f"{file} has no test blocks")
            write(f"collected {len(blocks)} item{'s' * (len(blocks) > 1)}\n\n{file} ")
            for name, block in blocks:
                failure = _run(name, block)
                write("F" if failure else ".")
                failures += [failure] if failure else []
    finally:
        store.close()
    _report(file, failures, len(blocks), time.perf_counter() - began, write)
    return not failures


def _run(name: str, block: Callable[[], object]) -> Failure | None:
    try:
        block()
    except Exception as error:
        return Failure(name, trace_of(error), traceback.format_exception_only(error)[-1].strip())
    return None


def _report(
    file: Path, failures: list[Failure], count: int, seconds: float, write: Callable[[str], Any]
) -> None:
    write("\n")
    if failures:
        write(f"\n{' FAILURES ':=^{_WIDTH}}\n")
        for failure in failures:
            write(f"{f' {failure.name} ':_^{_WIDTH}}\n\n{failure.traceback}\n")
        write(f"{' short test summary info ':=^{_WIDTH}}\n")
        for failure in failures:
            write(f"FAILED {file}::{failure.name} - {failure.error}\n")
    counts = [f"{len(failures)} failed"] * bool(failures)
    counts += [f"{count - len(failures)} passed"] * (count > len(failures))
    summary = f" {', '.join(counts)} in {seconds:.2f}s "
    write(f"{summary:=^{_WIDTH}}\n")
