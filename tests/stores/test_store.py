"""One suite for every store: what `store.py` promises."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.databases import ENGINES, database
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT, new_id
from walkwire.store import (
    Changes,
    Direction,
    EdgeRecord,
    IdentityExists,
    Lost,
    NodeRecord,
    Reads,
    Search,
    Selection,
    Store,
    TokenState,
    UserExists,
    UserRecord,
)
from walkwire.stores import open_store
from walkwire.stores.sql import view


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


def node(kind: str = "Thing", data: str = "{}") -> NodeRecord:
    return NodeRecord(new_id(), kind, PUBLIC_ROOT, 1, data)


def edge(source: NodeRecord, target: NodeRecord, kind: str = "") -> EdgeRecord:
    return EdgeRecord(new_id(), kind, source.id, source.kind, target.id, target.kind, 1, "{}")


ROOT = NodeRecord(PUBLIC_ROOT, "", PUBLIC_ROOT, 1, "{}")


def write(store: Store, reads: Reads | None = None, **changes: list) -> None:  # type: ignore[type-arg]
    store.commit(reads or Reads(), Changes(**changes), lambda: None)


def test_an_empty_database_has_the_two_roots_that_are_nobodys(store: Store) -> None:
    assert [root.id for root in store.search_nodes(Search(kinds=frozenset({""})))] == [
        SYSTEM_ROOT,
        PUBLIC_ROOT,
    ]


def test_a_neighbourhood_comes_in_the_order_of_its_making_and_by_what_is_asked(store: Store) -> None:
    a, b, c = node("A"), node("B"), node("A")
    write(store, new_nodes=[a, b, c], new_edges=[edge(ROOT, a), edge(ROOT, b, "Road"), edge(c, ROOT)])
    write(store, new_edges=[edge(ROOT, c), edge(ROOT, ROOT)])

    def far(*selection: object) -> list[str]:
        return [record.id for _, record in store.load_neighbourhood(Selection(PUBLIC_ROOT, *selection)).pairs]  # type: ignore[arg-type]

    assert far("out") == [a.id, b.id, c.id, PUBLIC_ROOT]
    assert far("into") == [c.id, PUBLIC_ROOT]
    assert far("both") == [a.id, b.id, c.id, c.id, PUBLIC_ROOT]
    assert far("out", None, frozenset({"A"})) == [a.id, c.id]
    assert far("out", frozenset({"Road"}), None) == [b.id]
    assert far("both", frozenset({""}), frozenset({"A"})) == [a.id, c.id, c.id]
    assert far("out", frozenset(), None) == []


def test_a_selection_may_be_of_some_far_nodes_only(store: Store) -> None:
    a, b, c = node("A"), node("B"), node("A")
    write(store, new_nodes=[a, b, c], new_edges=[edge(ROOT, a), edge(ROOT, b, "Road"), edge(c, ROOT)])
    write(store, new_edges=[edge(ROOT, a, "Road")])

    def found(direction: Direction, far: set[str], **rest: Any) -> list[tuple[str, str]]:
        selection = Selection(PUBLIC_ROOT, direction, far=frozenset(far), **rest)
        return [(link.kind, record.id) for link, record in store.load_neighbourhood(selection).pairs]

    assert found("out", {a.id, c.id}) == [("", a.id), ("Road", a.id)]
    assert found("out", {a.id}, limit=-1) == [("Road", a.id)]
    assert found("out", {a.id}, edge_kinds=frozenset({"Road"})) == [("Road", a.id)]
    assert found("both", {b.id, c.id}) == [("Road", b.id), ("", c.id)]
    assert found("into", {a.id}) == []


def test_a_selection_may_be_of_the_first_or_the_last_only(store: Store) -> None:
    hub, kinds, roads = node("Hub"), ("A", "B", "C"), ("", "Road")
    things = [node(kinds[n % 3]) for n in range(24)]
    links = [edge(hub, thing, roads[n % 2]) for n, thing in enumerate(things)]
    back = [edge(thing, hub) for thing in things[:3]]
    loop = edge(hub, hub, "Road")
    write(store, new_nodes=[hub, *things], new_edges=links)
    write(store, new_edges=[*back, loop])
    order = {link.id: place for place, link in enumerate([*links, *back, loop])}

    def places(direction: Direction, limit: int | None, edges: Any = None, nodes: Any = None) -> list[int]:
        selection = Selection(
            hub.id,
            direction,
            None if edges is None else frozenset(edges),
            None if nodes is None else frozenset(nodes),
            None,
            limit,
        )
        return [order[link.id] for link, _ in store.load_neighbourhood(selection).pairs]

    assert places("out", 3) == [0, 1, 2]
    assert places("out", -2) == [23, 27]
    assert places("into", -2) == [26, 27]
    assert places("both", -3) == [25, 26, 27]
    assert places("out", 0) == []
    for direction in ("out", "into", "both"):
        for edges in (None, {"Road"}, {"", "Road"}, {"none"}):
            for nodes in (None, {"B"}, {"A", "C"}, {"Hub"}):
                everything = places(direction, None, edges, nodes)
                assert places(direction, 4, edges, nodes) == everything[:4]
                assert places(direction, -4, edges, nodes) == everything[-4:]


def test_a_limited_reading_is_lost_only_when_its_own_part_changed(store: Store) -> None:
    things = [node("A") for _ in range(4)]
    links = [edge(ROOT, thing) for thing in things]
    write(store, new_nodes=things, new_edges=links)
    first, last = Selection(PUBLIC_ROOT, "out", limit=2), Selection(PUBLIC_ROOT, "out", limit=-2)
    marks = {selection: store.load_neighbourhood(selection).mark for selection in (first, last)}

    write(store, new_edges=[edge(ROOT, things[0])])

    store.check(Reads(neighbourhoods={first: marks[first]}))
    with pytest.raises(Lost):
        store.check(Reads(neighbourhoods={last: marks[last]}))
    write(store, deleted_edges=[links[1].id])
    with pytest.raises(Lost):
        store.check(Reads(neighbourhoods={first: marks[first]}))


def test_a_mark_tells_whether_an_edge_came_or_went_and_only_in_its_selection(store: Store) -> None:
    a, b = node("A"), node("B")
    first = edge(ROOT, a)
    write(store, new_nodes=[a, b], new_edges=[first])
    everything, only_a = Selection(PUBLIC_ROOT, "out"), Selection(PUBLIC_ROOT, "out", None, frozenset({"A"}))
    marks = {selection: store.load_neighbourhood(selection).mark for selection in (everything, only_a)}

    write(store, new_edges=[edge(ROOT, b)])
    store.check(Reads(neighbourhoods={only_a: marks[only_a]}))
    with pytest.raises(Lost) as lost:
        store.check(Reads(neighbourhoods=marks))
    assert lost.value.neighbourhoods == {PUBLIC_ROOT}

    write(store, deleted_edges=[first.id], new_edges=[edge(ROOT, a)])
    with pytest.raises(Lost):
        store.check(Reads(neighbourhoods={only_a: marks[only_a]}))


def test_a_commit_whose_reads_are_no_longer_so_writes_nothing_and_names_what_it_lost(store: Store) -> None:
    a, b = node(), node()
    write(store, new_nodes=[a, b])
    write(store, changed_nodes=[a._replace(data='{"n":1}')])
    told: list[str] = []

    with pytest.raises(Lost) as lost:
        store.commit(
            Reads(nodes={a.id: 1, b.id: 1}),
            Changes(changed_nodes=[b._replace(data='{"n":2}')]),
            lambda: told.append("no"),
        )

    assert lost.value.records == {a.id}
    assert told == []
    assert [record.data for record in store.load_nodes([b.id])] == ["{}"]


def test_a_record_that_was_absent_must_still_be(store: Store) -> None:
    a = node()
    write(store, Reads(nodes={a.id: 0}), new_nodes=[a])
    with pytest.raises(Lost):
        store.check(Reads(nodes={a.id: 0}))


def test_of_two_that_change_one_version_one_loses(store: Store) -> None:
    a = node()
    write(store, new_nodes=[a])
    write(store, changed_nodes=[a])
    with pytest.raises(Lost):
        write(store, changed_nodes=[a])
    (record,) = store.load_nodes([a.id])
    assert record.version == 2


def test_an_edge_to_a_node_that_is_gone_is_lost_and_a_deleted_node_takes_its_edges(store: Store) -> None:
    a, b = node(), node()
    write(store, new_nodes=[a, b], new_edges=[edge(ROOT, a), edge(a, b)])
    write(store, deleted_nodes=[a.id])

    assert store.load_neighbourhood(Selection(PUBLIC_ROOT, "out")).pairs == []
    assert store.load_neighbourhood(Selection(b.id, "into")).pairs == []
    with pytest.raises(Lost):
        write(store, new_edges=[edge(b, a)])


def test_a_snapshot_sees_one_moment(store: Store) -> None:
    a = node()
    write(store, new_nodes=[a])
    with store.snapshot() as view:
        assert view.load_nodes([a.id])[0].data == "{}"
        write(store, changed_nodes=[a._replace(data='{"n":1}')])
        assert view.load_nodes([a.id])[0].data == "{}"
    assert store.load_nodes([a.id])[0].data == '{"n":1}'


def test_a_thousand_records_are_loaded_and_checked_at_once(store: Store) -> None:
    things = [node() for _ in range(2500)]
    write(store, new_nodes=things)

    assert len(store.load_nodes([thing.id for thing in things])) == 2500
    store.check(Reads(nodes={thing.id: 1 for thing in things}))


def test_what_is_told_comes_in_the_order_of_the_commits(store: Store) -> None:
    told: list[int] = []
    counter = node(data='{"n":0}')
    write(store, new_nodes=[counter])

    def increment() -> None:
        for _ in range(20):
            while True:
                (record,) = store.load_nodes([counter.id])
                n = int(record.data[5:-1]) + 1
                change = Changes(changed_nodes=[record._replace(data=f'{{"n":{n}}}')])
                try:
                    store.commit(Reads(), change, lambda n=n: told.append(n))  # type: ignore[misc]
                    break
                except Lost:
                    continue

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told == list(range(1, 81))


def test_users_are_found_by_address_in_any_case_and_are_unique(store: Store) -> None:
    user = UserRecord(new_id(), "Ada@Example.com", "hash", new_id(), state={"nick": "A"})
    store.add_user(user)

    assert store.user_by_email("ada@example.COM") == user
    assert store.user_by_id(user.id) == user
    assert store.user_by_id(new_id()) is None
    assert store.user_by_root(user.root_id) == user
    assert store.user_by_root(user.id) is None
    assert [root.owner for root in store.load_nodes([user.root_id])] == [user.root_id]
    again = UserRecord(new_id(), "ADA@example.com", "hash", new_id())
    with pytest.raises(UserExists):
        store.add_user(again)
    assert store.load_nodes([again.root_id]) == []


def test_addresses_that_differ_are_different_users(store: Store) -> None:
    for email in ("ß@example.com", "ss@example.com", "\u03c2@example.com", "\u03c3@example.com"):
        user = UserRecord(new_id(), email, "hash", new_id())
        store.add_user(user)
        assert store.user_by_email(email.upper() if email.startswith("ss") else email) == user
    composed = UserRecord(new_id(), "\xe9@example.com", "hash", new_id())
    store.add_user(composed)
    assert store.user_by_email("e\u0301@example.com") == composed


def test_a_user_of_an_earlier_version_is_found_by_the_own_address_only_and_blocks_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = UserRecord(new_id(), "ß@example.com", "hash", new_id())
    with monkeypatch.context() as earlier:
        earlier.setattr(view, "email_key", str.casefold)
        store.add_user(old)
    assert store.user_by_email("ß@example.com") == old
    assert store.user_by_email("ss@example.com") is None

    new = UserRecord(new_id(), "ss@example.com", "hash", new_id())
    store.add_user(new)
    assert store.user_by_email("ß@example.com") == old
    assert store.user_by_email("ss@example.com") == new
    for email in ("ß@example.com", "SS@example.com"):
        with pytest.raises(UserExists):
            store.add_user(UserRecord(new_id(), email, "hash", new_id()))


def test_a_new_password_raises_the_token_generation_once(store: Store) -> None:
    user = UserRecord(new_id(), "a@example.com", "old", new_id())
    store.add_user(user)

    assert store.change_password(user.id, "old", "new")
    assert not store.change_password(user.id, "old", "newer")
    changed = store.user_by_id(user.id)
    assert changed is not None
    assert (changed.password, changed.token_generation) == ("new", 1)


def test_token_states_are_those_of_active_users_however_many_are_asked_about(store: Store) -> None:
    users = [UserRecord(new_id(), f"{number}@example.com", "old", new_id()) for number in range(3)]
    for user in users:
        store.add_user(user)
    off = UserRecord(new_id(), "off@example.com", "hash", new_id(), is_activated=False)
    store.add_user(off)
    store.change_password(users[1].id, "old", "new")
    found = {user.root_id: TokenState(generation) for user, generation in zip(users, (0, 1, 0), strict=True)}
    many = [new_id() for _ in range(1500)]
    assert store.token_states([*many, *found, off.root_id]) == found
    assert store.token_states([]) == {}


def test_an_address_is_proved_once_and_only_by_an_active_user(store: Store) -> None:
    ada = UserRecord(new_id(), "a@example.com", "hash", new_id(), email_proof="pending")
    off = UserRecord(new_id(), "off@example.com", "hash", new_id(), is_activated=False)
    old = UserRecord(new_id(), "old@example.com", "hash", new_id())
    for user in (ada, off, old):
        store.add_user(user)
    assert store.user_by_id(ada.id) == ada
    assert [store.prove_email(user.id) for user in (ada, ada, off, old)] == [True, False, False, True]
    assert not store.prove_email(new_id())
    assert store.user_by_id(ada.id) == ada._replace(email_proof="proved")
    assert store.user_by_id(off.id) == off


def test_an_identity_belongs_to_one_user(store: Store) -> None:
    ada = UserRecord(new_id(), "a@example.com", "", new_id(), state={"nick": "A"})
    issuer = "https://id.example"
    assert store.user_by_identity(issuer, "1") is None
    store.add_outside_user(ada, issuer, "1")
    assert store.user_by_identity(issuer, "1") == ada
    assert store.user_by_identity("https://other.example", "1") is None
    assert store.user_by_identity(issuer, "2") is None

    store.add_identity(ada.id, "https://other.example", "1")
    assert store.user_by_identity("https://other.example", "1") == ada
    with pytest.raises(IdentityExists):
        store.add_identity(ada.id, issuer, "1")


def test_a_user_whose_identity_or_address_is_taken_is_not_stored_at_all(store: Store) -> None:
    ada = UserRecord(new_id(), "a@example.com", "", new_id())
    store.add_outside_user(ada, "https://id.example", "1")
    twin = UserRecord(new_id(), "b@example.com", "", new_id())
    with pytest.raises(IdentityExists):
        store.add_outside_user(twin, "https://id.example", "1")
    with pytest.raises(UserExists):
        store.add_outside_user(twin._replace(email="A@example.com"), "https://id.example", "2")
    assert store.user_by_id(twin.id) is None
    assert store.load_nodes([twin.root_id]) == []
    assert store.user_by_identity("https://id.example", "2") is None


def test_two_servers_that_see_an_outside_user_first_make_one_user(store: Store) -> None:
    made: list[UserRecord] = []
    begin = threading.Barrier(4)

    def meet(number: int) -> None:
        user = UserRecord(new_id(), f"{number}@example.com", "", new_id())
        begin.wait()
        try:
            store.add_outside_user(user, "https://id.example", "1")
        except IdentityExists:
            return
        made.append(user)

    threads = [threading.Thread(target=meet, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (user,) = made
    assert store.user_by_identity("https://id.example", "1") == user


def test_a_ticket_is_used_once_whoever_asks_and_however_many(store: Store) -> None:
    assert store.use_ticket("a", 100.0)
    assert not store.use_ticket("a", 100.0)
    assert store.use_ticket("b", 200.0)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: store.use_ticket("c", 300.0), range(32))) == 1
    store.forget_tickets(200.0)
    assert [store.use_ticket(id, 300.0) for id in ("a", "b", "c")] == [True, False, False]


def test_a_database_is_opened_again_as_it_was_left(url: str) -> None:
    first, a = open_store(url), node()
    write(first, new_nodes=[a])
    first.close()
    second = open_store(url)

    assert second.load_nodes([a.id]) == [a]
    second.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:///", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:////nowhere/at/all/x.db", "its folder does not exist"),
        ("sqlite:///x.db?cache=shared", "synchronous"),
        ("mongodb://localhost", "No database of the kind 'mongodb'"),
        ("nonsense", "No database of the kind"),
    ],
)
def test_a_url_that_cannot_be_opened_is_one_clear_sentence(url: str, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        open_store(url)


def test_a_file_that_is_no_database_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "not.db"
    path.write_text("this is not a database, and long enough to be seen as none at all" * 20)

    with pytest.raises(StartError, match="Cannot open the database"):
        open_store(f"sqlite:///{path}")


def test_users_are_found_by_a_part_of_their_address_by_id_and_by_root(store: Store) -> None:
    ada, bob = (
        UserRecord(new_id(), f"{name}_1@example.com", "hash", new_id(), state={"n": 1})
        for name in ("Ada", "bob")
    )
    store.add_user(bob)
    store.add_user(ada)

    assert store.find_users("", 9) == [ada, bob]
    assert store.find_users("", 1) == [ada]
    assert (
        store.find_users("ADA_", 9)
        == store.find_users(ada.id, 9)
        == store.find_users(ada.root_id, 9)
        == [ada]
    )
    assert store.find_users("%", 9) == store.find_users("a_a", 9) == []
