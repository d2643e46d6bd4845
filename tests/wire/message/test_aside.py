"""Aside: one after another, in the context of who calls."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from walkwire.wire.message.aside import aside

_word: ContextVar[str] = ContextVar("word", default="none")


async def test_one_is_read_at_a_time_in_the_order_of_the_calls() -> None:
    may_go, read = threading.Event(), []

    def wait() -> str:
        may_go.wait(30)
        read.append(1)
        return "first"

    first = asyncio.ensure_future(aside(wait))
    second = asyncio.ensure_future(aside(read.append, 2))
    gone = asyncio.ensure_future(aside(read.append, 3))
    await asyncio.sleep(0)
    gone.cancel()
    last = asyncio.ensure_future(aside(read.append, 4))
    await asyncio.sleep(0)
    assert read == []
    may_go.set()
    assert await first == "first"
    await asyncio.gather(second, last)
    assert read == [1, 2, 4]


async def test_it_has_the_context_of_the_caller_and_raises_to_it() -> None:
    _word.set("mine")
    assert await aside(_word.get) == "mine"
    with pytest.raises(ZeroDivisionError):
        await aside(divmod, 1, 0)
