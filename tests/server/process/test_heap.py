"""What was freed is returned to the operating system, unless it is used again."""

from __future__ import annotations

import pytest

from walkwire.server.process import heap
from walkwire.server.process.heap import LOOK_SECONDS, WORTH, Heap


class Given:
    """A heap with so many free bytes, and how many were free whenever it was trimmed."""

    def __init__(self) -> None:
        self.free = 0
        self.trimmed: list[int] = []
        self.heap = Heap(lambda: self.free, lambda: self.trimmed.append(self.free))

    async def look(self, *free: int) -> list[int]:
        """Let the heap have these free bytes, one after another at each look. Return what was trimmed."""
        for self.free in free:
            looks = [self.heap.tick() for _ in range(LOOK_SECONDS)]
            assert looks[:-1] == [None] * (LOOK_SECONDS - 1)
            assert looks[-1] is not None
            await looks[-1]
        trimmed, self.trimmed = self.trimmed, []
        return trimmed


async def test_what_stays_free_is_returned_once() -> None:
    given = Given()
    assert await given.look(WORTH, WORTH - 1, WORTH) == []
    assert await given.look(3 * WORTH) == [3 * WORTH]
    # glibc counts it as free after that, too.
    assert await given.look(3 * WORTH, 3 * WORTH, 3 * WORTH) == []


async def test_what_is_used_again_stays() -> None:
    given = Given()
    assert await given.look(5 * WORTH, 0, 5 * WORTH, 0) == []


async def test_what_is_freed_later_is_returned_too() -> None:
    given = Given()
    assert await given.look(2 * WORTH, 2 * WORTH) == [2 * WORTH]
    assert await given.look(3 * WORTH, 3 * WORTH) == [3 * WORTH]
    assert await given.look(0, 2 * WORTH, 2 * WORTH) == [2 * WORTH]


async def test_the_heap_is_trimmed_at_once_where_that_is_asked() -> None:
    given = Given()
    given.free = 1
    await given.heap.trim()
    assert given.trimmed == [1]


def test_the_c_library_tells_what_is_free() -> None:
    if heap._mallinfo is None:
        pytest.skip("only glibc tells")
    pieces = [bytearray(100_000) for _ in range(400)]
    before = heap.free_bytes()
    del pieces[::2]  # between those that stay
    assert heap.free_bytes() - before > 10_000_000
    heap.return_free()


def test_where_the_c_library_cannot_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_malloc_trim", None)
    monkeypatch.setattr(heap, "_mallinfo", None)
    heap.return_free()
    assert heap.free_bytes() == 0
