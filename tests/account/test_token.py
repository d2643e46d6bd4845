"""Tokens are believed if we made them and they are not over, and not otherwise."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.account.conftest import Clock
from walkwire.account.token import LIFETIME, TokenClaims, Tokens
from walkwire.ids import new_id
from walkwire.store import UserRecord

SECRET = b"s" * 32
USER = UserRecord(new_id(), "a@example.com", "hash", new_id(), token_generation=3)


def test_a_token_says_whose_it_is_and_ends_after_twelve_hours(clock: Clock) -> None:
    tokens = Tokens(SECRET, clock)
    token, expires = tokens.make(USER, "a session")
    assert expires == clock.now + 12 * 3600
    assert tokens.read(token) == TokenClaims(USER.id, USER.root_id, 3, expires, "a session")
    clock.now += LIFETIME - 1
    assert tokens.read(token) is not None
    clock.now += 1
    assert tokens.read(token) is None


def test_a_token_outlives_a_restart(clock: Clock) -> None:
    token, _ = Tokens(SECRET, clock).make(USER)
    assert Tokens(SECRET, clock).read(token) is not None


def test_a_token_of_another_secret_is_not_believed(clock: Clock) -> None:
    token, _ = Tokens(b"t" * 32, clock).make(USER)
    assert Tokens(SECRET, clock).read(token) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "." * 100, "\ud800", "x" * 1_000_000, "é"])
def test_what_is_no_token_is_not_believed(token: str) -> None:
    assert Tokens(SECRET).read(token) is None


def test_a_token_without_signature_or_of_another_algorithm_is_not_believed(clock: Clock) -> None:
    claims = {"sub": USER.id, "root": USER.root_id, "tokens": 3, "exp": int(clock.now) + 60}
    assert Tokens(SECRET, clock).read(jwt.encode(claims, SECRET, "HS256")) is not None
    assert Tokens(SECRET, clock).read(jwt.encode(claims, None, "none")) is None
    assert Tokens(SECRET, clock).read(jwt.encode(claims, b"s" * 64, "HS512")) is None


@pytest.mark.parametrize("missing", ["sub", "root", "tokens", "exp"])
def test_a_token_that_says_too_little_is_not_believed(missing: str, clock: Clock) -> None:
    claims = {"sub": USER.id, "root": USER.root_id, "tokens": 3, "exp": int(clock.now) + 60}
    del claims[missing]
    assert Tokens(SECRET, clock).read(jwt.encode(claims, SECRET, "HS256")) is None


@pytest.mark.parametrize(
    "wrong", [{"tokens": -1}, {"tokens": "3"}, {"tokens": True}, {"root": ["a"]}, {"root": 5}, {"exp": "x"}]
)
def test_a_token_that_says_what_no_user_has_is_not_believed(wrong: dict[str, Any], clock: Clock) -> None:
    claims = {"sub": USER.id, "root": USER.root_id, "tokens": 3, "exp": int(clock.now) + 60} | wrong
    assert Tokens(SECRET, clock).read(jwt.encode(claims, SECRET, "HS256")) is None


def test_texts_that_are_no_tokens_are_not_remembered(clock: Clock) -> None:
    tokens = Tokens(SECRET, clock)
    for number in range(10):
        assert tokens.read(f"{number}.b.c") is None
    assert tokens._verified.cache_info().currsize == 0


def test_the_secret_is_not_in_what_the_tokens_print() -> None:
    assert "ssss" not in repr(Tokens(SECRET))
