"""Passwords are kept as hashes, and nobody can tell by the work whether an account exists."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from tests.account.conftest import PlainHasher
from walkwire.account import password
from walkwire.account.password import Passwords
from walkwire.errors import Busy


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    real = Passwords()
    yield real
    real.close()


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
    passwords.close()


async def test_the_stand_in_costs_what_a_real_hash_does(passwords: Passwords) -> None:
    stand_in = await asyncio.wrap_future(passwords._stand_in)
    assert stand_in.split("$")[:4] == (await passwords.hash("secret")).split("$")[:4]


async def test_more_than_can_wait_are_refused_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    class Slow(PlainHasher):
        def hash(self, password: str) -> str:
            gate.wait()
            return super().hash(password)

    monkeypatch.setattr(password, "WAITING", 2)
    passwords = Passwords(Slow())
    try:
        waiting = [asyncio.ensure_future(passwords.hash("a")) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await passwords.hash("a")
    finally:
        gate.set()
    assert await asyncio.gather(*waiting) == ["hash of a"] * 2
    assert await passwords.hash("a") == "hash of a"
    passwords.close()
