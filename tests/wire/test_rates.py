"""What connections, users and addresses may use, by a clock of the test."""

from __future__ import annotations

import pytest

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.limits import Limits
from walkwire.wire.rates import GRANT, LONG, Allowance, Debts, Rates, price, too_much

ANN = "a" * 24


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def person(root_id: str = PUBLIC_ROOT, address: str = "") -> Client:
    return Client("1:x", root_id, "lobby", False, GONE, address)


def within(allowance: Allowance, client: Client, seconds: float) -> int:
    """How many payments are within the rates, of at most 10,000."""
    return next((count for count in range(10_000) if allowance.pay(client, seconds)), 10_000)


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = Clock()
    rates = Rates(Limits(events=10, burst=2), clock)
    allowance, client = Allowance(rates), person()
    assert within(allowance, client, rates.event) == pytest.approx(20, abs=GRANT)
    assert rates.limited == {"connection": 1}
    clock.now += 1
    assert within(allowance, client, rates.event) == pytest.approx(10, abs=GRANT)


def test_a_client_that_rests_as_long_as_it_is_told_may_go_on() -> None:
    clock = Clock()
    rates = Rates(Limits(events=10, burst=2), clock)
    allowance, client = Allowance(rates), person()
    rest = allowance.pay(client, 5.0)
    assert rest == pytest.approx(5.0 - 1.5, abs=GRANT * rates.event)
    clock.now += rest
    assert not allowance.pay(client, rates.event)


def test_bytes_and_the_commas_of_a_long_event_have_a_price() -> None:
    rates = Rates(Limits(events=10, bytes=1000), Clock())
    assert price(rates, b"x" * 500) == pytest.approx(0.1 + 0.5)
    assert price(rates, b"," * 500) == price(rates, b"x" * 500)
    assert price(rates, b"," * LONG) == pytest.approx(0.1 * (1 + LONG / 500) + LONG / 1000)


def test_all_connections_of_an_address_share_its_rates_and_those_of_others_do_not() -> None:
    rates = Rates(Limits(events=10, burst=2, address_share=2), Clock())
    crowd = [Allowance(rates) for _ in range(10)]
    paid = [allowance.pay(person(address="10.0.0.1"), 0.5) for allowance in crowd]
    assert not any(paid[:1])
    assert all(paid[5:])
    assert set(rates.limited) == {"address"}
    assert not Allowance(rates).pay(person(address="10.0.0.2"), 0.5)


def test_all_connections_of_a_user_share_its_rates_and_the_public_is_no_user() -> None:
    rates = Rates(Limits(events=10, burst=1, user_share=2), Clock())
    assert [bool(Allowance(rates).pay(person(ANN), 0.1)) for _ in range(5)][-1]
    assert set(rates.limited) == {"user"}
    assert not any(Allowance(rates).pay(person(), 0.1) for _ in range(50))


def test_patience_ends_for_a_client_that_stays_over_its_rate_and_not_for_one_that_stopped() -> None:
    clock = Clock()
    rates = Rates(Limits(events=10, burst=4, patience=30), clock)
    allowance, client = Allowance(rates), person()
    for _ in range(40):
        rest = allowance.pay(client, 6.0)
        assert rest
        assert not allowance.is_exhausted(clock.now) or clock.now >= 1030
        clock.now += rest
    assert allowance.is_exhausted(clock.now)
    clock.now += 60
    assert not allowance.pay(client, 1.0)
    assert not allowance.is_exhausted(clock.now)


def test_names_that_owe_nothing_are_forgotten() -> None:
    debts = Debts()
    for number in range(1000):
        debts.add(str(number), 0.5, now=float(number))
    assert len(debts) < 10
    assert debts.add("999", 1.0, now=999.25) == pytest.approx(1.25)


def test_the_error_says_when_to_try_again() -> None:
    assert too_much(1.5).retry_in == 1500
    assert "1.5 s" in too_much(1.5).message
