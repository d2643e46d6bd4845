"""What all tests share: turns, where pytest-xdist runs several at once.

A test that is marked `alone` measures time, or needs the machine to itself: it waits until the tests of the other workers have
ended, and they wait for it. `once` does for all workers what only one of them may do at a time.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

import pytest
import uvloop

_FOLDER = pytest.StashKey[Path]()
_TURNS = pytest.StashKey["Turns"]()
# Seconds, for a test and for one that is marked `long`: one that hangs fails, with the stacks of all threads, and others run on.
_BOUND, _LONG = 180, 1200
_ON_BOTH_LOOPS = {"test_gateway.py", "test_hashing.py"}
_LOOPS = {"asyncio": asyncio.new_event_loop}
_UVLOOP = {"uvloop": uvloop.new_event_loop}


class Turns:
    """Turns of the workers of one run, which share `folder`. Without patience `turn` raises BlockingIOError, and never waits."""

    def __init__(self, folder: Path, *, is_patient: bool = True) -> None:
        self._flags = 0 if is_patient else fcntl.LOCK_NB
        self._entrance = (folder / "entrance").open("w")
        self._room = (folder / "room").open("w")

    @contextmanager
    def turn(self, is_alone: bool) -> Iterator[None]:
        # Whoever waits for the room holds the entrance: a test that is alone waits for those under way, and not for later ones.
        fcntl.flock(self._entrance, fcntl.LOCK_EX | self._flags)
        try:
            fcntl.flock(self._room, (fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH) | self._flags)
        finally:
            fcntl.flock(self._entrance, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    def close(self) -> None:
        self._entrance.close()
        self._room.close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Thousands of tests are collected, and stay: the garbage collector does not look at them meanwhile, or ever."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """In a fresh clone one worker compiles a module, and the others wait for what it wrote."""
    if not isinstance(collector, pytest.Module) or sys.dont_write_bytecode or _is_compiled(collector.path):
        return (yield)
    with (collector.config.stash[_FOLDER] / "compiler").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return (yield)


def pytest_configure(config: pytest.Config) -> None:
    if (given := getattr(config, "workerinput", None)) is None:
        folder = tempfile.TemporaryDirectory(prefix="walkwire-tests-")
        config.add_cleanup(folder.cleanup)
        config.stash[_FOLDER] = Path(folder.name)
    else:
        config.stash[_FOLDER] = Path(given["turns"])
    config.stash[_TURNS] = Turns(config.stash[_FOLDER])
    config.add_cleanup(config.stash[_TURNS].close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist: tell a worker where the others are met."""
    node.workerinput["turns"] = str(node.config.stash[_FOLDER])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_is_alone)  # at last, one behind the other: nobody waits for them meanwhile
    if config.pluginmanager.hasplugin("timeout"):  # not in an environment from before
        for item in items:
            if item.get_closest_marker("timeout") is None:
                is_long = item.get_closest_marker("long") is not None
                item.add_marker(pytest.mark.timeout(_LONG if is_long else _BOUND))


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Where the event loop matters, both kinds that a server may have are tried."""
    return _LOOPS | _UVLOOP if item.path.name in _ON_BOTH_LOOPS else _LOOPS


@pytest.hookimpl(wrapper=True, tryfirst=True)  # to wait for a turn takes none of the test's time
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    with item.config.stash[_TURNS].turn(_is_alone(item)):
        return (yield)


Once = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def once(pytestconfig: pytest.Config) -> Once:
    """`with once(name):` no other worker is inside a block of this name."""

    @contextmanager
    def inside(name: str) -> Iterator[None]:
        with (pytestconfig.stash[_FOLDER] / name).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    return inside


def _is_compiled(path: Path) -> bool:
    """Return whether pytest has a compiled file of a module that is not older than the module."""
    name = f"{path.stem}.{sys.implementation.cache_tag}-pytest-{pytest.__version__}.pyc"
    made = Path(cache_from_source(path)).with_name(name)
    return made.exists() and made.stat().st_mtime >= path.stat().st_mtime


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
