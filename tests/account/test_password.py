"""Passwords are kept as hashes, and nobody can tell by the work whether an account exists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.account.conftest import PlainHasher
from walkwire.account.password import AT_ONCE, SHARE, Passwords, _Turns
from walkwire.errors import Busy


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    real = Passwords()
    yield real
    await real.close()


async def test_a_password_is_kept_as_an_argon2id_hash_with_a_salt(passwords: Passwords) -> None:
    first, second = await passwords.hash("secret"), await passwords.hash("secret")
    assert first.startswith("$argon2id$")
    assert first != second
    assert "secret" not in first


async def test_the_right_password_is_right_and_any_other_wrong(passwords: Passwords) -> None:
    kept = await passwords.hash("secret")
    assert await passwords.is_right("secret", kept)
    assert not await passwords.is_right("Secret", kept)
    assert not await passwords.is_right("secret", "no hash at all")


async def test_where_there_is_no_account_as_much_is_compared(hasher: PlainHasher) -> None:
    passwords = Passwords(hasher)
    assert not await passwords.is_right("secret", None)
    assert not await passwords.is_right("secret", "hash of other")
    assert len(hasher.compared) == 2
    await passwords.close()


async def test_the_stand_in_costs_what_a_real_hash_does(passwords: Passwords) -> None:
    assert not await passwords.is_right("secret", None)
    assert passwords._stand_in is not None
    assert passwords._stand_in.split("$")[:4] == (await passwords.hash("secret")).split("$")[:4]


class Slow(PlainHasher):
    """Waits at its gate; `begun` are the passwords whose hashes began."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.begun: list[str] = []

    async def hash(self, password: str) -> str:
        self.begun.append(password)
        await self.gate.wait()
        return await super().hash(password)


async def asked(passwords: Passwords, password: str, *, is_suspect: bool = False) -> asyncio.Task[str]:
    """A hash that was asked for, and is under way or waits."""
    task = asyncio.create_task(passwords.hash(password, is_suspect=is_suspect))
    await asyncio.sleep(0)
    return task


@pytest.fixture
async def slow() -> AsyncIterator[Slow]:
    made = Slow()
    yield made
    made.gate.set()


async def test_more_than_can_wait_are_refused_as_busy(slow: Slow) -> None:
    passwords = Passwords(slow, waiting=2)
    waiting = [await asked(passwords, "a") for _ in range(AT_ONCE + 2)]
    with pytest.raises(Busy):
        await passwords.hash("a")
    slow.gate.set()
    assert await asyncio.gather(*waiting) == ["hash of a"] * (AT_ONCE + 2)
    assert await passwords.hash("a") == "hash of a"
    await passwords.close()


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes begin in the order in which they have their turns."""
    monkeypatch.setattr("walkwire.account.password.AT_ONCE", 1)


async def test_callers_that_failed_before_leave_half_of_the_queue_to_others_who_go_first(
    slow: Slow, one_at_a_time: None
) -> None:
    passwords = Passwords(slow, waiting=4)
    first = await asked(passwords, "first")
    suspects = [await asked(passwords, "suspect", is_suspect=True) for _ in range(2)]
    with pytest.raises(Busy):
        await passwords.hash("suspect", is_suspect=True)
    others = [await asked(passwords, "other") for _ in range(2)]
    slow.gate.set()
    await asyncio.gather(first, *suspects, *others)
    assert slow.begun.index("other") < slow.begun.index("suspect")
    await passwords.close()


async def test_who_failed_before_has_a_turn_also_while_others_keep_coming(
    slow: Slow, one_at_a_time: None
) -> None:
    passwords = Passwords(slow, waiting=20)
    tasks = [await asked(passwords, "first")]
    tasks.append(await asked(passwords, "suspect", is_suspect=True))
    tasks += [await asked(passwords, "other") for _ in range(10)]
    slow.gate.set()
    await asyncio.gather(*tasks)
    assert slow.begun.index("suspect") == SHARE
    await passwords.close()


async def test_a_call_whose_caller_has_gone_is_not_made(slow: Slow) -> None:
    passwords = Passwords(slow, waiting=2)
    first = [await asked(passwords, "first") for _ in range(AT_ONCE)]
    gone, stays = await asked(passwords, "gone"), await asked(passwords, "stays")
    gone.cancel()
    await asyncio.wait([gone])
    again = await asked(passwords, "again")  # its place is free
    slow.gate.set()
    await asyncio.gather(*first, stays, again)
    assert sorted(slow.begun[AT_ONCE:]) == ["again", "stays"]
    await passwords.close()


async def test_a_turn_ends_with_its_work_not_when_its_caller_goes(slow: Slow) -> None:
    passwords = Passwords(slow, waiting=0)
    for _ in range(AT_ONCE):
        task = await asked(passwords, "a")
        task.cancel()
        await asyncio.wait([task])
    with pytest.raises(Busy):
        await passwords.hash("a")
    await passwords.close()


async def test_a_caller_who_goes_during_the_first_comparison_breaks_no_later_one(slow: Slow) -> None:
    passwords = Passwords(slow)
    gone = asyncio.create_task(passwords.is_right("secret", None))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    slow.gate.set()
    assert await passwords.is_right("secret", "hash of secret")
    await passwords.close()


async def test_a_caller_who_goes_as_the_turn_comes_passes_it_on() -> None:
    turns = _Turns(1, 4)
    await turns.take(is_suspect=False)
    for is_given_first in (True, False):
        gone = asyncio.create_task(turns.take(is_suspect=False))
        stays = asyncio.create_task(turns.take(is_suspect=False))
        await asyncio.sleep(0)
        for act in (turns.give, gone.cancel) if is_given_first else (gone.cancel, turns.give):
            act()
        await asyncio.wait([gone])
        assert gone.cancelled()
        await stays
    assert turns._free == 0


async def test_if_no_process_can_be_started_the_caller_is_told_to_come_again(
    hasher: PlainHasher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(password: str) -> str:
        raise OSError("Too many open files")

    monkeypatch.setattr(hasher, "hash", fail)
    passwords = Passwords(hasher, waiting=0)
    for _ in range(AT_ONCE + 1):  # the turn is given back
        with pytest.raises(Busy):
            await passwords.hash("secret")
    assert "Too many open files" in caplog.text
    await passwords.close()
