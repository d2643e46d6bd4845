"""Sessions in every store: begun, renewed, ended, counted and removed, by one or by many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from tests.databases import ENGINES, database
from walkwire.ids import new_id
from walkwire.store import SessionRecord, Store, TokenState, TooManySessions, UserRecord
from walkwire.stores import open_store

NOW = 1_700_000_000
BOUND = 3
ENDED = 4

Result = TypeVar("Result")


@pytest.fixture(params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with database(request.param, tmp_path) as url:
        opened = open_store(url)
        yield opened
        opened.close()


@pytest.fixture
def user(store: Store) -> UserRecord:
    made = UserRecord(new_id(), "ada@example.com", "old", new_id(), state={"nick": "Ada"})
    store.add_user(made)
    return made


def begun(user: UserRecord, renewed: float = NOW, **more: object) -> SessionRecord:
    session = SessionRecord(
        new_id(), user.root_id, 0, "a" * 64, None, None, renewed, int(renewed) + 900, int(renewed) + 3600
    )
    return session._replace(**more)  # type: ignore[arg-type]


def add(store: Store, session: SessionRecord) -> list[str] | None:
    return store.add_session(session, BOUND, ENDED)


def end(store: Store, user: UserRecord, session_id: str, now: float = NOW) -> int | None:
    return store.end_session(user.root_id, session_id, NOW + 900, now, ENDED)


def ended(store: Store, user: UserRecord) -> frozenset[str]:
    return store.token_states([user.root_id])[user.root_id].ended


def at_once(*work: Callable[[], Result]) -> list[Result]:
    """What they return, all started at the same moment."""
    barrier = Barrier(len(work))

    def begin(one: Callable[[], Result]) -> Result:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as threads:
        return list(threads.map(begin, work))


def test_a_session_is_found_with_its_user(store: Store, user: UserRecord) -> None:
    session = begun(user, NOW + 0.25)
    assert add(store, session) == []
    assert store.session(session.id) == (session, user)
    assert store.session(new_id()) is None
    assert ended(store, user) == frozenset()


def test_a_session_begins_only_in_the_generation_of_an_active_user(store: Store, user: UserRecord) -> None:
    off = UserRecord(new_id(), "off@example.com", "old", new_id(), is_activated=False)
    store.add_user(off)
    assert add(store, begun(off)) is None
    assert add(store, begun(user)._replace(token_generation=1)) is None
    assert add(store, begun(user)._replace(root_id=new_id())) is None
    assert store.change_password(user.id, "old", "new")
    assert add(store, begun(user)) is None
    assert add(store, begun(user)._replace(token_generation=1)) == []


def test_a_refresh_token_is_replaced_once(store: Store, user: UserRecord) -> None:
    session = begun(user)
    add(store, session)
    renewed = session._replace(
        digest="b" * 64, previous="a" * 64, sealed="c" * 64, renewed=NOW + 5.5, expires=NOW + 7200
    )
    assert store.renew_session(renewed)
    assert not store.renew_session(renewed._replace(digest="d" * 64))
    assert store.session(session.id) == (renewed, user)


def test_of_many_that_replace_one_token_at_once_one_does(store: Store, user: UserRecord) -> None:
    session = begun(user)
    add(store, session)
    tries = [session._replace(digest=f"{n}" * 64, previous="a" * 64) for n in range(8)]
    done = at_once(*(lambda record=record: store.renew_session(record) for record in tries))  # type: ignore[misc]
    assert done.count(True) == 1
    found = store.session(session.id)
    assert found is not None
    assert found[0] == tries[done.index(True)]


def test_an_ended_session_cannot_be_renewed_and_its_tokens_are_not_valid(
    store: Store, user: UserRecord
) -> None:
    session, other = begun(user), begun(user)
    add(store, session)
    add(store, other)
    assert end(store, user, session.id) is None
    assert not store.renew_session(session._replace(previous=session.digest))
    assert ended(store, user) == {session.id}
    kept = session._replace(digest=None, expires=session.token_expires)
    assert store.session(session.id) == (kept, user)
    assert end(store, user, session.id) is None, "twice is as good as once"
    assert ended(store, user) == {session.id}


def test_a_session_without_a_record_gets_one_when_it_ends(store: Store, user: UserRecord) -> None:
    ids = [new_id() for _ in range(ENDED)]
    at_once(*(lambda id=id: end(store, user, id) for id in ids[:2] * 3))  # type: ignore[misc]
    assert ended(store, user) == set(ids[:2])


def test_a_session_of_another_user_is_not_ended(store: Store, user: UserRecord) -> None:
    other = UserRecord(new_id(), "bob@example.com", "old", new_id())
    store.add_user(other)
    assert end(store, other._replace(root_id=new_id()), new_id()) is None
    assert ended(store, other) == ended(store, user) == frozenset()


def test_one_session_more_than_bounded_ends_the_one_that_was_not_renewed_for_the_longest_time(
    store: Store, user: UserRecord
) -> None:
    sessions = [begun(user, NOW + number) for number in range(BOUND)]
    assert [add(store, session) for session in sessions] == [[], [], []]
    assert store.renew_session(sessions[0]._replace(digest="b" * 64, previous="a" * 64, renewed=NOW + 10.0))
    assert add(store, begun(user, NOW + 11)) == [sessions[1].id]
    assert ended(store, user) == {sessions[1].id}


def test_sessions_that_have_expired_make_room(store: Store, user: UserRecord) -> None:
    for number in range(BOUND):
        assert add(store, begun(user, NOW + number)) == []
    assert add(store, begun(user, NOW + 4000)) == []


def test_sessions_begun_at_once_do_not_pass_the_bound(store: Store, user: UserRecord) -> None:
    sessions = [begun(user, NOW + number) for number in range(BOUND + ENDED)]
    at_once(*(lambda session=session: add(store, session) for session in sessions))  # type: ignore[misc]
    found = [store.session(session.id) for session in sessions]
    assert sum(each is not None and each[0].digest is not None for each in found) == BOUND


def test_of_too_many_ended_sessions_no_more_are_ended_for_a_new_one(store: Store, user: UserRecord) -> None:
    for number in range(BOUND + ENDED):
        add(store, begun(user, NOW + number))
    session = begun(user, NOW + 100)
    with pytest.raises(TooManySessions):
        add(store, session)
    assert store.session(session.id) is None
    assert add(store, begun(user, NOW + 2000)) != [], "the tokens of those have expired by then"


def test_one_log_out_too_many_raises_the_generation(store: Store, user: UserRecord) -> None:
    last = begun(user)
    add(store, last)
    for _ in range(ENDED):
        assert end(store, user, new_id()) is None
    assert end(store, user, new_id()) == 1
    assert store.token_states([user.root_id]) == {user.root_id: TokenState(1)}
    assert store.session(last.id) is None
    assert end(store, user, new_id()) is None


def test_records_of_expired_tokens_do_not_count(store: Store, user: UserRecord) -> None:
    for _ in range(ENDED):
        end(store, user, new_id())
    assert end(store, user, new_id(), NOW + 1000) is None


def test_revoking_all_tokens_raises_the_generation_once_and_removes_the_sessions(
    store: Store, user: UserRecord
) -> None:
    session = begun(user)
    add(store, session)
    end(store, user, new_id())
    assert sorted(at_once(*[lambda: store.revoke_tokens(user.root_id, 0)] * 3)) == [False, False, True]
    assert store.token_states([user.root_id]) == {user.root_id: TokenState(1)}
    assert store.session(session.id) is None


def test_a_new_password_removes_the_sessions_of_its_user_alone(store: Store, user: UserRecord) -> None:
    other = UserRecord(new_id(), "bob@example.com", "old", new_id())
    store.add_user(other)
    session, others = begun(user), begun(other)
    add(store, session)
    add(store, others)
    assert store.change_password(user.id, "old", "new")
    assert store.session(session.id) is None
    assert store.session(others.id) is not None


def test_no_session_outlives_a_password_that_changes_at_that_moment(store: Store, user: UserRecord) -> None:
    session = begun(user)
    at_once(lambda: add(store, session), lambda: [user.id] * store.change_password(user.id, "old", "new"))
    assert store.session(session.id) is None


def test_the_states_of_many_users_are_read_at_once(store: Store, user: UserRecord) -> None:
    other = UserRecord(new_id(), "bob@example.com", "old", new_id())
    store.add_user(other)
    ids = {new_id(), new_id()}
    for id in ids:
        end(store, user, id)
    add(store, begun(other))
    many = [new_id() for _ in range(1500)]
    states = store.token_states([*many, user.root_id, other.root_id])
    assert states == {user.root_id: TokenState(0, frozenset(ids)), other.root_id: TokenState(0)}


def test_what_has_expired_is_removed_a_few_at_a_time(store: Store, user: UserRecord) -> None:
    lasting = begun(user, NOW + 5000)
    add(store, lasting)
    for _ in range(3):
        end(store, user, new_id())
    assert store.remove_expired_sessions(NOW + 900, 10) == 0
    assert [store.remove_expired_sessions(NOW + 901, 2) for _ in range(3)] == [2, 1, 0]
    assert ended(store, user) == frozenset()
    assert store.session(lasting.id) is not None
