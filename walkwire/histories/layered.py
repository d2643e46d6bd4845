"""Layered: one history of two: durable streams are kept by the one, all others by the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from walkwire.history import Hear, History, Mark, Page, Retention


class LayeredHistory:
    """Asks, for each topic, the history that keeps it. Which one that is, is known by the level with which it was opened."""

    def __init__(self, recent: History, durable: History) -> None:
        self._recent = recent
        self._durable = durable
        self._of: dict[bool, History] = {False: recent, True: durable}
        self._open: set[str] = set()  # durable topics

    @property
    def is_local(self) -> bool:
        """Return whether `append` has to be called for streams that are not durable."""
        return self._recent.is_local

    @property
    def is_empty(self) -> bool:
        """Return whether no topic that is not durable is kept."""
        return self._recent.is_empty

    def for_level(self, level: Retention) -> History:
        """Return the history that keeps streams of this level; see `History.for_level`."""
        return self._of[level.is_durable].for_level(level)

    async def start(self, hear: Hear, lost: Callable[[], None]) -> None:
        """Begin with both."""
        await self._recent.start(hear, lost)
        await self._durable.start(hear, lost)

    async def stop(self) -> None:
        """End both."""
        await self._durable.stop()
        await self._recent.stop()

    async def open(self, topics: Mapping[str, Retention]) -> dict[str, Mark]:
        """Open each topic where it is kept; see `History.open`."""
        found: dict[str, Mark] = {}
        self._open.update(topic for topic, level in topics.items() if level.is_durable)
        for is_durable, history in self._of.items():
            some = {topic: level for topic, level in topics.items() if level.is_durable == is_durable}
            if some:
                found |= await history.open(some)
        return found

    def close(self, topics: Collection[str]) -> None:
        """Close each topic where it is kept; see `History.close`."""
        for is_durable, some in self._split(topics).items():
            self._of[is_durable].close(some)
        self._open.difference_update(topics)

    def append(self, topic: str, message: bytes) -> None:
        """Append to a topic that is not durable. Others are appended to by commits."""
        self._recent.append(topic, message)

    async def tails(self, topics: Collection[str]) -> dict[str, Mark]:
        """Return the newest place of each topic where it is kept; see `History.tails`."""
        found: dict[str, Mark] = {}
        for is_durable, some in self._split(topics).items():
            found |= await self._of[is_durable].tails(some)
        return found

    async def read(
        self, topic: str, limit: int, *, after: Mark | None = None, upto: Mark | None = None
    ) -> Page:
        """Read where the topic is kept; see `History.read`. A durable topic that is not open is read by `for_level`."""
        return await self._of[topic in self._open].read(topic, limit, after=after, upto=upto)

    def _split(self, topics: Collection[str]) -> dict[bool, list[str]]:
        split: dict[bool, list[str]] = {}
        for topic in topics:
            split.setdefault(topic in self._open, []).append(topic)
        return split
