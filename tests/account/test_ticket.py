"""A ticket admits its user once and for a short time, and not after what ends the user's token."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode
from json import loads

import pytest

from tests.account.conftest import Clock
from walkwire.account.auth import PUBLIC, Auth, Caller
from walkwire.account.revocation import Revocation
from walkwire.account.ticket import FORGET_SECONDS, KEPT, LIFETIME, Tickets
from walkwire.account.token import Tokens
from walkwire.ids import new_id
from walkwire.store import Asking, Store, UserRecord

SECRET = b"s" * 32
USER = UserRecord(new_id(), "a@example.com", "hash", new_id())
CALLER = Caller(USER.root_id, USER.id)


@pytest.fixture
def auth(store: Store, revocation: Revocation, clock: Clock) -> Auth:
    store.add_user(USER)
    return Auth(Tokens(SECRET, clock), revocation)


@pytest.fixture
def tickets(store: Store, asking: Asking, auth: Auth, clock: Clock) -> Tickets:
    return Tickets(store, asking, auth, SECRET, clock)


async def test_a_ticket_admits_its_caller_once(tickets: Tickets, clock: Clock) -> None:
    ticket = tickets.make(CALLER)
    assert ticket.expires == clock.now + LIFETIME
    assert await tickets.admit(ticket.text) == CALLER
    assert await tickets.admit(ticket.text) == PUBLIC
    assert await tickets.admit(tickets.make(CALLER).text) == CALLER


async def test_of_many_who_show_one_ticket_at_once_one_is_admitted(
    store: Store, asking: Asking, auth: Auth, clock: Clock
) -> None:
    servers = [Tickets(store, asking, auth, SECRET, clock) for _ in range(2)]
    text = servers[0].make(CALLER).text
    found = await asyncio.gather(*(server.admit(text) for server in servers * 10))
    assert sorted(found, key=lambda caller: caller == PUBLIC) == [CALLER] + [PUBLIC] * 19


async def test_an_expired_ticket_admits_nobody(tickets: Tickets, clock: Clock) -> None:
    text = tickets.make(CALLER).text
    clock.now += LIFETIME
    assert await tickets.admit(text) == PUBLIC


async def test_a_changed_password_ends_a_ticket(tickets: Tickets, store: Store) -> None:
    text = tickets.make(CALLER).text
    assert store.change_password(USER.id, "hash", "another")
    assert await tickets.admit(text) == PUBLIC


async def test_a_ticket_is_no_token_and_a_token_no_ticket(tickets: Tickets, auth: Auth, clock: Clock) -> None:
    text = tickets.make(CALLER).text
    assert await auth.authenticate(text) == PUBLIC
    assert await auth.authenticate(text.removeprefix("wt_")) == PUBLIC
    token, _ = Tokens(SECRET, clock).make(USER)
    assert await tickets.admit(token) == PUBLIC
    assert await tickets.admit(f"wt_{token}") == PUBLIC


async def test_what_is_changed_in_a_ticket_or_signed_by_others_admits_nobody(
    tickets: Tickets, store: Store, asking: Asking, auth: Auth, clock: Clock
) -> None:
    text = tickets.make(CALLER).text
    payload, signature = text.removeprefix("wt_").split(".")
    other = tickets.make(CALLER).text.removeprefix("wt_").split(".")
    stranger = Tickets(store, asking, auth, b"t" * 32, clock).make(CALLER).text
    for wrong in (
        "",
        "wt_",
        "wt_.",
        "wt_é.é",
        "wt_\ud800",
        f"wt_{payload}",
        f"wt_{payload}.",
        f"wt_{payload}.{other[1]}",
        f"wt_{other[0]}.{signature}",
        f"wt_{payload}.{signature}x",
        f"wt_{payload}.{signature}{'x' * 5000}",
        stranger,
    ):
        assert await tickets.admit(wrong) == PUBLIC
    assert await tickets.admit(text) == CALLER


async def test_old_records_are_deleted_and_not_before_every_clock_says_that_they_are_over(
    tickets: Tickets, store: Store, clock: Clock
) -> None:
    first = tickets.make(CALLER)
    await tickets.admit(first.text)
    clock.now += LIFETIME + KEPT - 1
    await tickets.admit(tickets.make(CALLER).text)
    assert not store.use_ticket(_id(tickets, first.text), 0)
    clock.now += FORGET_SECONDS + 1
    await tickets.admit(tickets.make(CALLER).text)
    assert store.use_ticket(_id(tickets, first.text), 0)


async def test_while_the_store_fails_a_ticket_admits_nobody(
    asking: Asking, auth: Auth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        def use_ticket(self, id: str, expires: float) -> bool:
            raise ConnectionError("the database is away")

        def forget_tickets(self, before: float) -> None:
            raise ConnectionError

    tickets = Tickets(Failing(), asking, auth, SECRET, clock)
    assert await tickets.admit(tickets.make(CALLER).text) == PUBLIC
    assert "could not be checked" in caplog.text


def _id(tickets: Tickets, text: str) -> str:
    """The id in a ticket, which is signed and not encrypted."""
    payload = text.removeprefix("wt_").partition(".")[0]
    return str(loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))[0])
