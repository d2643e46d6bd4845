"""Audience: those who hear under one name, a user's or a channel's, and the topic that brings what other servers say to it."""

from __future__ import annotations

from collections.abc import Callable

from walkwire.broker import Broker
from walkwire.wire.delivery.client import Client


class Audiences:
    """All audiences of one sort. `topic` tells the broker's topic for a name, None where there is none to ask for."""

    def __init__(self, broker: Broker, topic: Callable[[str], str | None]) -> None:
        self._broker = broker
        self._topic = topic
        self._members: dict[str, set[Client]] = {}

    def of(self, name: str) -> set[Client]:
        """Who hears under this name: the live set, not to be changed."""
        return self._members.get(name) or set()

    def add(self, name: str, client: Client) -> None:
        """Let a client hear. The first one brings the topic."""
        members = self._members.get(name)
        if members is None:
            self._members[name] = members = set()
            self._tell(self._broker.subscribe, name)
        members.add(client)

    def remove(self, name: str, client: Client) -> None:
        """Let a client hear no more. The last one gives the topic back."""
        members = self._members.get(name)
        if members is None or client not in members:
            return
        members.remove(client)
        if not members:
            del self._members[name]
            self._tell(self._broker.unsubscribe, name)

    def __len__(self) -> int:
        return len(self._members)

    def _tell(self, ask: Callable[[tuple[str, ...]], None], name: str) -> None:
        topic = self._topic(name)
        if topic is not None:
            ask((topic,))
