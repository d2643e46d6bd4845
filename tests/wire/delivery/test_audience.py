"""Who hears under one name, and what the broker is asked for."""

from __future__ import annotations

import pytest

from walkwire.brokers.memory import MemoryBroker
from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.audience import Audiences
from walkwire.wire.delivery.client import GONE, Client


class Noting(MemoryBroker):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []

    def subscribe(self, topics: tuple[str, ...]) -> None:  # type: ignore[override]
        self.log += [f"+{topic}" for topic in topics]

    def unsubscribe(self, topics: tuple[str, ...]) -> None:  # type: ignore[override]
        self.log += [f"-{topic}" for topic in topics]


def client() -> Client:
    return Client("1:x", PUBLIC_ROOT, "lobby", False, GONE)


@pytest.fixture
def broker() -> Noting:
    return Noting()


def test_the_first_brings_the_topic_and_the_last_gives_it_back(broker: Noting) -> None:
    audiences = Audiences(broker, lambda name: f"c.{name}")
    ann, bob = client(), client()
    for one in (ann, bob, ann):
        audiences.add("lobby", one)
    assert (audiences.of("lobby"), broker.log) == ({ann, bob}, ["+c.lobby"])
    for one in (ann, ann, bob, bob):
        audiences.remove("lobby", one)
    assert (len(audiences), broker.log) == (0, ["+c.lobby", "-c.lobby"])
    assert not audiences.of("lobby")


def test_a_name_without_a_topic_costs_the_broker_nothing(broker: Noting) -> None:
    audiences = Audiences(broker, lambda name: None)
    ann = client()
    audiences.add("own", ann)
    audiences.remove("own", ann)
    assert broker.log == []
