"""Who was sent into a channel elsewhere a moment ago."""

from __future__ import annotations

from walkwire.wire.delivery.arrivals import SECONDS, Arrivals


def test_a_server_is_remembered_for_a_while_from_the_last_arrival() -> None:
    now = 100.0
    arrivals = Arrivals(lambda: now)
    arrivals.add("lobby", "aaaaaaaa")
    arrivals.add("attic", "aaaaaaaa")
    now += SECONDS - 1
    arrivals.add("lobby", "bbbbbbbb")
    arrivals.add("attic", "aaaaaaaa")
    assert sorted(arrivals.servers("lobby")) == ["aaaaaaaa", "bbbbbbbb"]
    now += 1.5
    assert arrivals.servers("lobby") == ("bbbbbbbb",)
    assert arrivals.servers("attic") == ("aaaaaaaa",)
    assert arrivals.servers("nowhere") == ()
    now += SECONDS
    assert arrivals.servers("lobby") == arrivals.servers("attic") == ()
