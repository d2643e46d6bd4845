"""Which token generation counts: what the store is asked, and when; and what a message from another server changes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from tests.account.conftest import Clock, PlainHasher, Sockets
from walkwire.account.password import Passwords
from walkwire.account.revocation import (
    AWAY_SECONDS,
    OPEN_SECONDS,
    SHOWN_SECONDS,
    Revocation,
)
from walkwire.account.session import Sessions
from walkwire.account.user import Users
from walkwire.errors import CommitInDoubt
from walkwire.ids import new_id
from walkwire.store import BATCH, RETURN_SECONDS, Asking, Store, TokenState, UserRecord

USER = UserRecord(new_id(), "a@example.com", "hash", new_id())
ROOT = USER.root_id


class Asked:
    """A user store that notes what it is asked, and can be made to wait with its answer, or to fail."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.questions: list[list[str]] = []
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()
        self.has_read = threading.Event()

    def token_states(self, root_ids: Sequence[str]) -> dict[str, TokenState]:
        self.questions.append(list(root_ids))
        found = self.store.token_states(root_ids)
        self.has_read.set()
        self.gate.wait()
        if self.fails:
            raise ConnectionError("the database is away")
        return found


@pytest.fixture
def users(store: Store) -> Asked:
    store.add_user(USER)
    return Asked(store)


@pytest.fixture
async def revocation(
    users: Asked, asking: Asking, sockets: Sockets, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Revocation]:
    monkeypatch.setattr("walkwire.store.asking.TICK", 0.001)
    made = Revocation(users, asking, sockets, clock)  # type: ignore[arg-type]
    yield made
    users.gate.set()
    await made.stop()


def raise_generation(users: Asked, user: UserRecord = USER) -> None:
    """A new password, by a server that tells nobody."""
    now = users.store.user_by_id(user.id)
    assert now is not None
    assert users.store.change_password(user.id, now.password, f"{now.password}+")


def end_session(users: Asked, session: str) -> None:
    """A log-out, by a server that tells nobody."""
    users.store.end_session(ROOT, session, 2_000_000_000, 0, 100)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


# A token is shown


async def test_the_generation_in_the_store_counts_and_no_other(revocation: Revocation, users: Asked) -> None:
    raise_generation(users)
    assert [await revocation.is_current(ROOT, generation) for generation in (0, 1, 2)] == [False, True, False]


async def test_of_a_user_who_is_not_there_or_whose_account_is_off_nothing_counts(
    revocation: Revocation, users: Asked
) -> None:
    off = UserRecord(new_id(), "off@example.com", "hash", new_id(), is_activated=False)
    users.store.add_user(off)
    assert not await revocation.is_current(off.root_id, 0)
    assert not await revocation.is_current(new_id(), 0)


async def test_a_busy_user_costs_the_store_one_question_in_a_while(
    revocation: Revocation, users: Asked, clock: Clock
) -> None:
    for _ in range(100):
        assert await revocation.is_current(ROOT, 0)
    assert len(users.questions) == 1
    clock.now += SHOWN_SECONDS
    assert await revocation.is_current(ROOT, 0)
    assert len(users.questions) == 2


async def test_a_crowd_is_asked_about_in_few_questions(revocation: Revocation, users: Asked) -> None:
    users.gate.clear()
    crowd = [new_id() for _ in range(BATCH + 10)]
    first = asyncio.ensure_future(revocation.is_current(ROOT, 0))
    await asyncio.to_thread(users.has_read.wait)
    others = asyncio.gather(*(revocation.is_current(root_id, 0) for root_id in crowd * 3))
    await asyncio.sleep(0)
    users.gate.set()
    assert await first
    assert not any(await others)
    assert list(map(len, users.questions)) == [1, BATCH, 10]


async def test_one_who_stops_waiting_takes_the_answer_from_nobody(
    revocation: Revocation, users: Asked
) -> None:
    users.gate.clear()
    first, second = (asyncio.ensure_future(revocation.is_current(ROOT, 0)) for _ in range(2))
    await asyncio.to_thread(users.has_read.wait)
    first.cancel()
    users.gate.set()
    assert await second


async def test_tokens_made_elsewhere_after_a_new_password_count_at_once(
    revocation: Revocation, users: Asked
) -> None:
    assert await revocation.is_current(ROOT, 0)
    raise_generation(users)
    assert await revocation.is_current(ROOT, 1), "a later generation than the trusted one: the store is asked"
    assert not await revocation.is_current(ROOT, 0)


async def test_a_token_that_is_newer_than_a_question_under_way_has_its_own(
    revocation: Revocation, users: Asked
) -> None:
    users.gate.clear()
    old = asyncio.ensure_future(revocation.is_current(ROOT, 0))
    await asyncio.to_thread(users.has_read.wait)
    raise_generation(users)
    new = asyncio.ensure_future(revocation.is_current(ROOT, 1))
    await asyncio.sleep(0)
    users.gate.set()
    assert (await new, await old) in ((True, True), (True, False)), "the old one was asked about before"
    assert not await revocation.is_current(ROOT, 0)


async def test_a_store_that_fails_fails_those_who_wait(revocation: Revocation, users: Asked) -> None:
    users.fails = True
    with pytest.raises(ConnectionError):
        await revocation.is_current(ROOT, 0)
    users.fails = False
    assert await revocation.is_current(ROOT, 0)


# Another server tells


async def test_who_hears_of_it_refuses_older_tokens_at_once_and_signs_their_sockets_out(
    revocation: Revocation, users: Asked, sockets: Sockets
) -> None:
    assert await revocation.is_current(ROOT, 0)
    sockets.here.add(ROOT)
    revocation.hear(ROOT, 1)
    assert sockets.signed_out == [ROOT]
    assert not await revocation.is_current(ROOT, 0)
    assert (len(users.questions), sockets.told) == (1, [])


async def test_who_revokes_tells_the_others(revocation: Revocation, sockets: Sockets) -> None:
    sockets.here.add(ROOT)
    revocation.revoke(ROOT, 1)
    assert (sockets.signed_out, sockets.told) == ([ROOT], [(ROOT, 1)])


async def test_an_answer_from_before_a_message_does_not_count(revocation: Revocation, users: Asked) -> None:
    users.gate.clear()
    calling = asyncio.ensure_future(revocation.is_current(ROOT, 0))
    await asyncio.to_thread(users.has_read.wait)  # the store has given its answer, which is still on its way
    raise_generation(users)
    revocation.hear(ROOT, 1)
    users.gate.set()
    assert not await calling


async def test_a_message_that_comes_late_changes_nothing(
    revocation: Revocation, users: Asked, sockets: Sockets
) -> None:
    raise_generation(users)
    raise_generation(users)
    assert await revocation.is_current(ROOT, 2)
    sockets.here.add(ROOT)
    revocation.hear(ROOT, 1)
    revocation.hear(ROOT, 2)
    assert sockets.signed_out == []
    assert await revocation.is_current(ROOT, 2)


async def test_a_message_that_overtakes_an_answer_of_later_does_not_hide_it(
    revocation: Revocation, users: Asked
) -> None:
    raise_generation(users)
    raise_generation(users)
    users.gate.clear()
    calling = asyncio.ensure_future(revocation.is_current(ROOT, 2))
    await asyncio.to_thread(users.has_read.wait)
    revocation.hear(ROOT, 1)
    users.gate.set()
    assert await calling


async def test_one_who_comes_by_a_new_token_shows_that_the_old_ones_are_revoked(
    revocation: Revocation, users: Asked, sockets: Sockets
) -> None:
    assert await revocation.is_current(ROOT, 0)
    sockets.here.add(ROOT)
    raise_generation(users)
    assert await revocation.is_current(ROOT, 1)
    assert sockets.signed_out == [ROOT]


# A session ends


async def test_a_session_that_ends_here_is_told_and_takes_its_tokens_and_no_others(
    revocation: Revocation, users: Asked, sockets: Sockets
) -> None:
    assert await revocation.is_current(ROOT, 0, "one")
    revocation.end(ROOT, "one")
    assert (sockets.ended, sockets.told_ended, sockets.signed_out) == (["one"], [(ROOT, "one")], [])
    assert [await revocation.is_current(ROOT, 0, session) for session in ("one", "other")] == [False, True]
    assert len(users.questions) == 1


async def test_a_session_that_ended_elsewhere_is_heard_of_and_not_told_again(
    revocation: Revocation, sockets: Sockets
) -> None:
    assert await revocation.is_current(ROOT, 0, "one")
    revocation.hear_ended(ROOT, "one")
    assert (sockets.ended, sockets.told_ended) == (["one"], [])
    assert not await revocation.is_current(ROOT, 0, "one")


async def test_sessions_that_the_store_has_ended_do_not_count(revocation: Revocation, users: Asked) -> None:
    end_session(users, "one")
    assert [await revocation.is_current(ROOT, 0, session) for session in ("one", "other")] == [False, True]


async def test_an_answer_from_before_a_session_ended_does_not_bring_it_back(
    revocation: Revocation, users: Asked
) -> None:
    users.gate.clear()
    calling = asyncio.ensure_future(revocation.is_current(ROOT, 0, "one"))
    await asyncio.to_thread(users.has_read.wait)
    end_session(users, "one")
    revocation.hear_ended(ROOT, "one")
    users.gate.set()
    assert not await calling
    assert await revocation.is_current(ROOT, 0, "other")


async def test_a_session_stays_ended_when_the_generation_is_raised_while_the_store_is_asked(
    revocation: Revocation, users: Asked
) -> None:
    raise_generation(users)
    end_session(users, "one")
    users.gate.clear()
    calling = asyncio.ensure_future(revocation.is_current(ROOT, 1, "one"))
    await asyncio.to_thread(users.has_read.wait)
    revocation.hear(ROOT, 1)
    users.gate.set()
    assert not await calling


async def test_a_session_of_a_generation_that_is_heard_of_later_stays_ended(
    revocation: Revocation, users: Asked
) -> None:
    assert await revocation.is_current(ROOT, 0)
    revocation.hear_ended(ROOT, "one")
    revocation.hear(ROOT, 1)
    assert [await revocation.is_current(ROOT, 1, session) for session in ("one", "other")] == [False, True]


async def test_a_session_that_ends_untold_is_found_out_for_open_sockets(
    revocation: Revocation, users: Asked, sockets: Sockets, clock: Clock
) -> None:
    assert await revocation.is_current(ROOT, 0, "one")
    sockets.here.add(ROOT)
    end_session(users, "one")
    clock.now += OPEN_SECONDS
    await until(lambda: sockets.ended == ["one"])
    assert sockets.signed_out == []
    assert not await revocation.is_current(ROOT, 0, "one")


async def test_a_session_that_ends_untold_is_found_out_when_its_token_is_shown(
    revocation: Revocation, users: Asked, clock: Clock
) -> None:
    assert await revocation.is_current(ROOT, 0, "one")
    end_session(users, "one")
    clock.now += SHOWN_SECONDS
    assert not await revocation.is_current(ROOT, 0, "one")


async def test_ended_sessions_of_users_who_are_not_here_are_not_kept(revocation: Revocation) -> None:
    for _ in range(10):
        revocation.hear_ended(new_id(), "one")
    assert (revocation._trust, revocation._ended_meanwhile) == ({}, None)


# Nobody tells


async def test_who_has_an_open_socket_is_asked_about_again_and_others_are_forgotten(
    revocation: Revocation, users: Asked, sockets: Sockets, clock: Clock
) -> None:
    other = UserRecord(new_id(), "b@example.com", "hash", new_id())
    users.store.add_user(other)
    assert await revocation.is_current(ROOT, 0)
    assert await revocation.is_current(other.root_id, 0)
    sockets.here.add(ROOT)
    raise_generation(users)
    clock.now += OPEN_SECONDS
    await until(lambda: sockets.signed_out == [ROOT])
    assert users.questions[2:] == [[ROOT]]


async def test_with_the_broker_away_it_is_asked_sooner_and_tokens_are_trusted_for_less(
    revocation: Revocation, users: Asked, sockets: Sockets, clock: Clock
) -> None:
    assert await revocation.is_current(ROOT, 0)
    sockets.here.add(ROOT)
    sockets.away = "it is gone"
    raise_generation(users)
    clock.now += AWAY_SECONDS
    await until(lambda: sockets.signed_out == [ROOT])
    assert not await revocation.is_current(ROOT, 0)


async def test_when_the_broker_is_back_everybody_is_asked_about_at_once_and_for_a_while_sooner(
    revocation: Revocation, users: Asked, sockets: Sockets, clock: Clock
) -> None:
    crowd = [UserRecord(new_id(), f"{number}@example.com", "hash", new_id()) for number in range(20)]
    for user in crowd:
        users.store.add_user(user)
        assert await revocation.is_current(user.root_id, 0)
        sockets.here.add(user.root_id)
    raise_generation(users, crowd[3])
    revocation.recheck()
    await until(lambda: sockets.signed_out == [crowd[3].root_id])
    assert len(users.questions[-1]) == 20
    raise_generation(users, crowd[4])
    clock.now += AWAY_SECONDS
    assert AWAY_SECONDS < RETURN_SECONDS
    await until(lambda: sockets.signed_out == [crowd[3].root_id, crowd[4].root_id])


async def test_after_a_gap_no_token_is_trusted_unasked(revocation: Revocation, users: Asked) -> None:
    assert await revocation.is_current(ROOT, 0)
    raise_generation(users)
    revocation.recheck()
    assert not await revocation.is_current(ROOT, 0)


async def test_while_the_store_fails_sockets_stay_and_it_is_asked_until_it_answers(
    revocation: Revocation,
    users: Asked,
    sockets: Sockets,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert await revocation.is_current(ROOT, 0)
    sockets.here.add(ROOT)
    raise_generation(users)
    users.fails = True
    clock.now += OPEN_SECONDS
    await until(lambda: len(users.questions) > 3)
    assert sockets.signed_out == []
    assert caplog.text.count("cannot be asked") == 1
    users.fails = False
    await until(lambda: sockets.signed_out == [ROOT])


async def test_a_server_where_nobody_is_signed_in_has_no_task(
    revocation: Revocation, users: Asked, clock: Clock
) -> None:
    revocation.recheck()
    revocation.hear(ROOT, 1)
    assert revocation._rereading.is_running
    clock.now += OPEN_SECONDS
    await until(lambda: not revocation._rereading.is_running)
    assert (users.questions, revocation._trust) == ([], {})
    assert await revocation.is_current(ROOT, 0)


async def test_who_waits_when_the_server_stops_is_let_go(revocation: Revocation, users: Asked) -> None:
    users.gate.clear()
    asked = asyncio.ensure_future(revocation.is_current(ROOT, 0))
    await asyncio.to_thread(users.has_read.wait)
    waiting = asyncio.ensure_future(revocation.is_current(new_id(), 0))
    await asyncio.sleep(0)
    users.gate.set()
    await revocation.stop()
    await asyncio.wait((asked, waiting))
    assert waiting.cancelled()


# A new password


async def test_a_new_password_whose_outcome_is_not_known_revokes_all_the_same(
    store: Store,
    asking: Asking,
    users: Asked,
    revocation: Revocation,
    sockets: Sockets,
    sessions: Sessions,
    clock: Clock,
) -> None:
    """The store answers again and again; what it says then counts."""

    class Doubtful:
        def user_by_id(self, user_id: str) -> UserRecord | None:
            return store.user_by_id(user_id)

        def change_password(self, user_id: str, old: str, new: str) -> bool:
            raise CommitInDoubt

    user = UserRecord(new_id(), "c@example.com", "hash of old", new_id())
    store.add_user(user)
    passwords = Passwords(PlainHasher())
    accounts = Users(Doubtful(), asking, passwords, sessions, revocation)  # type: ignore[arg-type]
    assert await revocation.is_current(user.root_id, 0)
    with pytest.raises(CommitInDoubt):
        await accounts.change_password(user.id, "old", "new")
    await passwords.close()
    assert sockets.told == [(user.root_id, 1)]
    assert not await revocation.is_current(user.root_id, 0)
    clock.now += SHOWN_SECONDS
    assert await revocation.is_current(user.root_id, 0), "it was not done"


async def test_no_token_of_an_absent_user_counts_whatever_generation_it_claims(
    revocation: Revocation,
) -> None:
    for generation in (-1, 0, 1):
        assert not await revocation.is_current("0" * 24, generation)
