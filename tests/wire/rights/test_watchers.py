"""The clients in channels that follow a node: the first one begins the watch, and the last one ends it."""

from __future__ import annotations

from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.rights.watchers import Watchers


def client() -> Client:
    return Client("1:client", "a" * 24, "own", True, GONE)


def test_the_first_client_begins_the_watch_and_the_last_one_ends_it() -> None:
    calls: list[tuple[str, str]] = []
    watchers = Watchers(lambda id: calls.append(("watch", id)), lambda id: calls.append(("unwatch", id)))
    one, two = client(), client()
    for each in (one, two, one):
        watchers.add("n:Board:1", each)
    assert watchers.of("n:Board:1") == [one, two]
    assert calls == [("watch", "n:Board:1")]
    for each in (one, one, two, two):
        watchers.discard("n:Board:1", each)
    assert watchers.of("n:Board:1") == []
    assert calls == [("watch", "n:Board:1"), ("unwatch", "n:Board:1")]
