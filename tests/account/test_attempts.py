"""Attempts: who tries too often waits, in the same words with an account and without, and locks nobody else out."""

from __future__ import annotations

import asyncio

import pytest

from tests.account.conftest import Clock
from walkwire.account import attempts
from walkwire.account.attempts import WINDOW, AttemptLimits, Attempts
from walkwire.errors import Busy, Limited

ADA, BOB = "ada@example.com", "bob@example.com"
HERE, THERE = "192.0.2.1", "192.0.2.2"


def made(clock: Clock, **limits: int) -> Attempts:
    return Attempts(AttemptLimits(**limits), clock)


def fail(attempts: Attempts, account: str = ADA, address: str = HERE) -> None:
    with attempts.guess(account, address):
        pass


def succeed(attempts: Attempts, account: str = ADA, address: str = HERE) -> None:
    with attempts.guess(account, address) as attempt:
        attempt.succeed()


def retry_after(attempts: Attempts, account: str = ADA, address: str = HERE) -> float:
    """The seconds that a refused attempt is told."""
    with pytest.raises(Limited) as refused, attempts.guess(account, address):
        raise AssertionError("It was let in")
    assert refused.value.retry_in is not None
    return refused.value.retry_in / 1000


def test_an_account_is_closed_to_all_strangers_after_so_many_failures_until_the_oldest_is_over(
    clock: Clock,
) -> None:
    attempts = made(clock, account=2)
    fail(attempts)
    clock.now += 100
    fail(attempts, address=THERE)
    assert retry_after(attempts, address="192.0.2.3") == WINDOW - 100
    fail(attempts, BOB)
    clock.now += WINDOW - 100
    fail(attempts)
    assert retry_after(attempts) == 100


def test_an_address_is_closed_for_all_accounts_and_counts_none_of_them(clock: Clock) -> None:
    attempts = made(clock, account=2, address=2)
    fail(attempts, "a@example.com")
    fail(attempts, "b@example.com")
    for _ in range(3):
        assert retry_after(attempts, ADA) == WINDOW
    succeed(attempts, ADA, THERE)


def test_who_logs_in_is_not_counted_and_an_account_starts_again(clock: Clock) -> None:
    attempts = made(clock, account=2, address=3)
    for _ in range(10):
        succeed(attempts)
    for _ in range(2):
        fail(attempts)
        succeed(attempts)
    with attempts.guess(ADA, HERE) as attempt:
        assert attempt.is_suspect
    assert retry_after(attempts) == WINDOW  # the address did fail three times


def test_an_account_is_not_closed_to_an_address_that_logged_in_before(clock: Clock) -> None:
    attempts = made(clock, account=2)
    succeed(attempts)
    for _ in range(2):
        fail(attempts, address=THERE)
    retry_after(attempts, address=THERE)
    succeed(attempts)
    for _ in range(2):
        fail(attempts)
    retry_after(attempts)  # a thief of that machine has no more tries than others


def test_attempts_under_way_count_so_that_many_at_once_are_no_more(clock: Clock) -> None:
    attempts = made(clock, account=2)
    with attempts.guess(ADA, HERE), attempts.guess(ADA, THERE) as second:
        assert retry_after(attempts) == 1
        second.succeed()
    succeed(attempts)


def test_an_address_has_so_many_under_way(clock: Clock) -> None:
    attempts = made(clock, at_once=2)
    with attempts.guess("a", HERE), attempts.registration("b", HERE):
        assert retry_after(attempts) == 1
        succeed(attempts, address=THERE)
    succeed(attempts)


def test_an_error_is_no_failure_and_a_caller_who_goes_away_is_one(clock: Clock) -> None:
    attempts = made(clock, account=1, address=1)
    for error in (Busy(), OSError()):
        with pytest.raises(type(error)), attempts.guess(ADA, HERE):
            raise error
    with pytest.raises(asyncio.CancelledError), attempts.guess(ADA, HERE):
        raise asyncio.CancelledError
    retry_after(attempts)


def test_registrations_count_also_those_of_an_address_that_is_taken_but_not_those_that_found_no_place(
    clock: Clock,
) -> None:
    attempts = made(clock, registrations=2)
    with pytest.raises(Busy), attempts.registration(ADA, HERE):
        raise Busy
    with pytest.raises(ValueError, match="taken"), attempts.registration(ADA, HERE):
        raise ValueError("taken")
    with attempts.registration(BOB, HERE):
        pass
    with pytest.raises(Limited), attempts.registration("c@example.com", HERE):
        pass
    with attempts.registration("c@example.com", THERE):
        pass


def test_without_an_address_and_without_limits_nobody_is_refused(clock: Clock) -> None:
    limited, free = made(clock, address=1, registrations=1, resets=1, at_once=1), made(clock)
    for number in range(5):
        fail(limited, f"{number}", "")
        limited.reset("")
        fail(free)
        with limited.registration(f"{number}", ""), free.registration(ADA, HERE):
            pass


def test_an_account_whose_owner_has_proved_to_be_one_is_open_again(clock: Clock) -> None:
    attempts = made(clock, account=1)
    fail(attempts)
    attempts.forgive(ADA)
    succeed(attempts)


def test_what_is_remembered_has_a_bound(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "REMEMBERED", 3)
    monkeypatch.setattr(attempts, "KNOWN", 3)
    counted = made(clock, account=1)
    for number in range(10):
        fail(counted, f"{number}")
        succeed(counted, f"known {number}")
    assert len(counted._accounts._times) == len(counted._known) == 3
    assert not counted._under_way
    assert not counted._accounts._reserved
