"""Who is in a channel by what several servers say, and what has changed since it was told."""

from __future__ import annotations

from walkwire.wire.presence.people import Difference, People

ANN, BOB = "a" * 24, "b" * 24


def entry(root_id: str, info: bytes = b"{}") -> bytes:
    return b'{"root_id":"n::%b","info":%b}' % (root_id.encode(), info)


def test_a_user_is_there_while_any_server_says_so() -> None:
    people = People()
    people.set("s1", ANN, b"")
    people.set("s2", ANN, b"")
    people.remove("s1", ANN)
    assert len(people) == 1
    people.remove("s2", ANN)
    assert (len(people), people.size) == (0, 0)
    people.remove("s2", ANN)


def test_the_info_of_the_highest_server_that_has_any_is_shown() -> None:
    people = People()
    for server, info in (("s1", b'{"a":1}'), ("s2", b'{"a":2}'), ("s3", b"")):
        people.set(server, ANN, info)
    assert people.entry(ANN) == entry(ANN, b'{"a":2}')


def test_changes_are_what_is_other_than_it_was_told() -> None:
    people = People()
    people.set("s", ANN, b"")
    people.set("s", BOB, b"")
    people.remove("s", BOB)
    assert people.touched() == Difference([entry(ANN)], [entry(BOB)])
    assert people.take_changes() == Difference([entry(ANN)], [])
    people.remove("s", ANN)
    people.set("s", ANN, b"")
    assert people.take_changes() == Difference([], [])
    people.set("s", ANN, b'{"a":1}')
    assert people.take_changes() == Difference([entry(ANN, b'{"a":1}')], [])
    people.remove("s", ANN)
    assert people.take_changes() == Difference([], [entry(ANN, b'{"a":1}')])


def test_a_new_list_of_a_server_takes_the_place_of_its_old_one() -> None:
    people = People()
    people.set("s1", ANN, b"")
    people.set("s2", ANN, b"")
    people.set("s1", BOB, b"")
    people.set_public("s1", 3)
    people.begin("s1")
    people.set("s1", BOB, b"")
    people.end("s1")
    assert (len(people), people.count) == (2, 2)
    people.drop("s2")
    assert people.page("", 9) == ([BOB], False)
    assert people.servers() == {"s1"}


def test_pages_stay_sorted_while_users_come_and_go() -> None:
    people = People()
    names = [f"{number:024x}" for number in (5, 3, 9, 1, 7)]
    for name in names:
        people.set("s", name, b"")
    ordered = sorted(names)
    assert people.page("", 2) == (ordered[:2], True)
    assert people.page(ordered[1], 2) == (ordered[2:4], True)
    people.remove("s", ordered[2])
    people.set("s", f"{4:024x}", b"")
    assert people.page(ordered[1], 9) == ([f"{4:024x}", *ordered[3:]], False)
