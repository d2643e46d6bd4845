"""Channels: their members, what the broker is asked for, and where a message for one goes."""

from __future__ import annotations

import pytest

from walkwire.brokers.memory import MemoryBroker
from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.channel import Channels
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.overflow import OverflowPolicies


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


def topic_of(name: str) -> str:
    return f"c.{name}"


def topics_of(name: str) -> tuple[str, ...]:
    return (f"c.{name}",)


def test_the_first_member_subscribes_the_topic_and_the_last_unsubscribes_it(broker: Noting) -> None:
    channels = Channels(broker, topic_of, topics_of)
    ann, bob = client(), client()
    lobby = channels.join("lobby", ann)
    for one in (bob, ann):
        assert channels.join("lobby", one) is lobby
    assert channels.find("lobby") is lobby
    assert (lobby.members, lobby.topic, broker.log) == ({ann, bob}, "c.lobby", ["+c.lobby"])
    for one in (ann, ann, bob, bob):
        channels.leave("lobby", one)
    assert (len(channels), broker.log) == (0, ["+c.lobby", "-c.lobby"])
    assert channels.find("lobby") is None


def test_a_name_without_a_topic_costs_the_broker_nothing(broker: Noting) -> None:
    channels = Channels(broker, lambda name: None, topics_of)
    ann = client()
    channels.join("own", ann)
    channels.leave("own", ann)
    assert broker.log == []


def test_the_set_of_members_is_the_same_for_the_life_of_a_channel(broker: Noting) -> None:
    channels = Channels(broker, topic_of, topics_of)
    ann, bob = client(), client()
    members = channels.join("lobby", ann).members
    channels.join("lobby", bob)
    channels.leave("lobby", ann)
    found = channels.find("lobby")
    assert found is not None
    assert found.members is members


def test_the_overflow_policy_is_the_channels_own_and_all_have_to_agree(broker: Noting) -> None:
    policies = OverflowPolicies({"ticker:*": "latest"})
    channels = Channels(broker, topic_of, topics_of, policies)
    assert channels.join("ticker:a", client()).overflow == "latest"
    assert channels.join("lobby", client()).overflow == "close"
    for names, overflow in (
        (["ticker:a"], "latest"),
        (["ticker:nobody"], "latest"),
        (["lobby"], "close"),
        (["ticker:a", "ticker:b"], "latest"),
        (["ticker:a", "lobby"], "close"),
    ):
        assert channels.overflow_of(names) == overflow, names


def test_a_message_also_goes_to_the_servers_that_are_expected(broker: Noting) -> None:
    channels = Channels(broker, topic_of, topics_of)
    assert channels.topics("lobby") == ("c.lobby",)
    channels.expect("lobby", "aaaaaaaa")
    assert channels.topics("lobby") == ("c.lobby", "s.aaaaaaaa")
    assert channels.topics("attic") == ("c.attic",)
