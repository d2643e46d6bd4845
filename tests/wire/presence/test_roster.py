"""The clients of one server in one channel, as users."""

from __future__ import annotations

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.session import ClientSession
from walkwire.wire.presence.roster import Roster

ANN = "a" * 24


def client(root_id: str = ANN, info: bytes | None = None) -> Client:
    made = Client("c", root_id, "", False, GONE)
    if info is not None:
        made.session = ClientSession()
        made.session.info = info
    return made


def test_the_last_of_a_users_connections_ends_its_presence() -> None:
    roster = Roster("den", "s")
    one, two = client(), client()
    for each in (one, one, two):
        roster.enter(each)
    assert roster.exit(one) is None
    assert len(roster.people) == 1
    assert roster.take_outgoing() == ([(ANN, b"")], [])
    roster.exit(two)
    roster.exit(two)
    assert len(roster.people) == 0
    assert roster.take_outgoing() == ([], [ANN])
    assert roster.is_empty


def test_who_was_dropped_leaves_when_it_is_due_unless_it_is_back() -> None:
    roster = Roster("den", "s")
    one = client()
    roster.enter(one)
    assert roster.exit(one, due=5.0) == ANN
    assert len(roster.people) == 1
    roster.enter(one)
    roster.expire(ANN, 5.0)
    assert len(roster.people) == 1
    assert roster.exit(one, due=9.0) == ANN
    roster.expire(ANN, 5.0)
    assert len(roster.people) == 1
    roster.expire(ANN, 9.0)
    assert len(roster.people) == 0


def test_the_last_info_of_any_window_is_shown() -> None:
    roster = Roster("den", "s")
    roster.enter(client(info=b'{"a":1}'))
    last = client(info=b'{"a":2}')
    roster.enter(last)
    roster.enter(client())
    assert roster.take_outgoing() == ([(ANN, b'{"a":2}')], [])
    assert last.session is not None
    last.session.info = b'{"a":3}'
    roster.refresh(last)
    assert roster.take_outgoing() == ([(ANN, b'{"a":3}')], [])


def test_connections_that_have_not_signed_in_are_counted() -> None:
    roster = Roster("den", "s")
    nobody = client(PUBLIC_ROOT)
    roster.enter(nobody)
    assert (roster.public, roster.people.count, len(roster.people)) == (1, 1, 0)
    assert roster.exit(nobody, due=5.0) is None
    assert roster.people.count == 0
