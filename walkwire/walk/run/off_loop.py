"""Off loop: what an async ability asks of the store or of locks is done in a worker thread, and its coroutine waits meanwhile.

Programs call `commit()`, `here.out()` and the like as plain functions. If such a call blocked the event loop for async abilities,
it would block all of them. So each step of a coroutine is taken in a greenlet. A plain function can leave it, deep inside the
step; the task then awaits the outcome as any other future, and the step goes on with it.

While a coroutine of a walk is away like this, no other coroutine of the same walk takes a step: the graph of a walk is used by
one at a time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from greenlet import getcurrent, greenlet

from walkwire.walk.current import current_or_none

Result = TypeVar("Result")
# Given a function and its arguments, runs it in a worker thread, and returns a future of its result.
InThread = Callable[..., asyncio.Future[Any]]


class _Asked(NamedTuple):
    """What a step asks for: a function that blocks, and what runs it in a thread."""

    in_thread: InThread
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class _Steps(greenlet):
    """Takes steps of coroutines, one at a time."""


class _Spare(threading.local):
    """Greenlets of a thread in which no step is taken at the moment: to make one costs more than a walk without a query."""

    def __init__(self) -> None:
        self.of: list[_Steps] = []


def off_loop(in_thread: InThread, function: Callable[..., Result], *arguments: Any) -> Result:
    """Return what a function that blocks returns. Called in a coroutine's step, it is run by `in_thread`; otherwise here."""
    step = getcurrent()
    if (
        not isinstance(step, _Steps) or step.parent is None
    ):  # in a thread of its own, or in a greenlet of the program
        return function(*arguments)
    return cast("Result", step.parent.switch(_Asked(in_thread, function, arguments)))


class OffLoop:
    """Stands for a store or a view. Its methods are called off the loop; everything else is the target's own."""

    def __init__(self, target: Any, in_thread: InThread) -> None:
        self._target = target
        self._in_thread = in_thread

    def __getattr__(self, name: str) -> Any:
        """Called for what is not found otherwise: once for each method."""
        value = getattr(self._target, name)
        if not callable(value):
            return value

        def called(*arguments: Any) -> Any:
            return off_loop(self._in_thread, value, *arguments)

        self.__dict__[name] = called
        return called

    def expect(self, *arguments: Any) -> None:
        """Pass on: it does not block."""
        self._target.expect(*arguments)

    def latest(self) -> OffLoop:
        """Return the view of the newest commits, off the loop too."""
        return OffLoop(self._target.latest(), self._in_thread)


class Driven(Coroutine[Any, Any, Result], Generic[Result]):
    """A coroutine whose steps may use `off_loop`. For `asyncio.Task`, in place of the coroutine itself."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        self._coroutine = coroutine
        self._steps: Generator[Any, Any, Result] | None = None

    def send(self, value: Any) -> Any:
        """Take a step."""
        if self._steps is None:
            self._steps = _drive(self._coroutine)
        return self._steps.send(value)

    def throw(
        self,
        kind: Any,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
    ) -> Any:
        """Take a step that begins with an error."""
        error = (
            kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        )
        return self._coroutine.throw(error) if self._steps is None else self._steps.throw(error)

    def close(self) -> None:
        """Take no further step."""
        if self._steps is not None:
            self._steps.close()
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, Result]:
        self._steps = self._steps or _drive(self._coroutine)
        return self._steps


def make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Result] | Generator[Any, None, Result],
    /,
    **options: Any,
) -> asyncio.Task[Result]:
    """Make a task: the task factory of a loop on which `off_loop` works."""
    return asyncio.Task(Driven(cast("Coroutine[Any, Any, Result]", coroutine)), loop=loop, **options)


SPARE = 64
_spare = _Spare()
# By the identity of a run: what one of its coroutines waits for off the loop.
_away: dict[int, asyncio.Future[Any]] = {}


def _drive(coroutine: Coroutine[Any, Any, Result]) -> Generator[Any, Any, Result]:
    value: Any = None
    error: BaseException | None = None
    context = getcurrent().gr_context
    spare = _spare.of
    while True:
        if _away and (run := current_or_none()) is not None:
            while (other := _away.get(id(run))) is not None:
                error = (yield from _until(other)) or error
        steps = spare.pop() if spare else _new_steps()
        steps.gr_context = context
        outcome = steps.switch((coroutine, value, error))
        value, error = None, None
        while type(outcome) is _Asked:
            answer, cancelled = yield from _answered(outcome)
            error = cancelled or error
            failed = answer.exception()
            outcome = steps.switch(answer.result()) if failed is None else steps.throw(failed)
        steps.gr_context = None
        if len(spare) < SPARE:
            spare.append(steps)
        is_over, result, raised = outcome
        if raised is not None:
            try:
                raise raised
            finally:
                raised = outcome = None  # no cycle with the traceback
        if is_over:
            return cast("Result", result)
        if error is None:
            try:
                value = yield result
            except BaseException as thrown:
                error = thrown


def _new_steps() -> _Steps:
    steps = _Steps(_take_steps)
    steps.switch()
    return steps


def _take_steps() -> None:
    """Take steps of any coroutines, one after another. Answers each with: is it over, its result or what it awaits, its error."""
    between = getcurrent().parent
    assert between is not None
    answer: tuple[bool, Any, BaseException | None] | None = None
    while True:
        coroutine, value, error = between.switch(answer)
        try:
            answer = False, coroutine.send(value) if error is None else coroutine.throw(error), None
        except StopIteration as stop:
            answer = True, stop.value, None
        except BaseException as raised:
            answer = True, None, raised
        coroutine = value = error = None


def _answered(asked: _Asked) -> Generator[Any, Any, tuple[asyncio.Future[Any], BaseException | None]]:
    """Do what a step asks for. No other coroutine of the same walk takes a step meanwhile."""
    answer = asked.in_thread(asked.function, *asked.arguments)
    run = current_or_none()
    if run is None:
        return answer, (yield from _until(answer))
    _away[id(run)] = answer
    try:
        return answer, (yield from _until(answer))
    finally:
        del _away[id(run)]


def _until(future: asyncio.Future[Any]) -> Generator[Any, Any, BaseException | None]:
    """Wait until a future is done, one turn of the loop at least. Return a cancellation that came meanwhile."""
    error = None
    while True:
        waiter = asyncio.get_running_loop().create_future()  # one that may be cancelled, unlike `future`
        future.add_done_callback(partial(_wake, waiter))
        try:
            yield from waiter
        except asyncio.CancelledError as cancelled:
            error = cancelled
        if future.done():
            return error


def _wake(waiter: asyncio.Future[None], _: object) -> None:
    if not waiter.done():
        waiter.set_result(None)
