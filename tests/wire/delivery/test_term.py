"""When clients are signed out and told, by a clock of the test: the wheel, and sockets in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.wire.conftest import ANN, House, settle
from walkwire.ids import PUBLIC_ROOT, root_reference
from walkwire.server.socket.loopback import Loopback
from walkwire.wire.delivery.client import Term
from walkwire.wire.delivery.term import SLOTS, STRETCH, Terms

NOW = 1_700_000_000


class Clock:
    """Time that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOW + 0.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(build: Callable[..., Awaitable[House]], clock: Clock) -> House:
    made = await build(clock=clock)
    made.terms["ann"] = Term("s", NOW + 60)
    return made


def pass_time(house: House, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    house.hub.terms.tick()


def is_public(socket: Loopback) -> bool:
    return socket.connection.client.root_id == PUBLIC_ROOT


def expiring(at: int = NOW + 60) -> dict[str, object]:
    return {"type": "expiring", "data": {"expiration": at}}


# Expiry


async def test_a_client_becomes_public_when_its_token_expires_and_is_sent_nothing(
    house: House, clock: Clock
) -> None:
    socket, other = await house.open("ann"), await house.open("bob")
    pass_time(house, clock, 59.5)
    assert not is_public(socket)
    pass_time(house, clock, 0.5)
    assert is_public(socket)
    assert not is_public(other), "nobody said that this one expires"
    assert await socket.quiet() == []
    assert len(house.hub.terms) == 0
    await socket.send({"type": "connection"})
    assert (await socket.receive())["data"]["root_id"] == root_reference(PUBLIC_ROOT)


async def test_a_token_that_is_shown_by_an_event_expires_as_well(house: House, clock: Clock) -> None:
    socket = await house.open()
    assert len(house.hub.terms) == 0, "a client without a token costs nothing"
    await socket.send({"type": "change_user", "token": "ann"})
    await socket.receive()
    pass_time(house, clock, 60)
    assert is_public(socket)


async def test_another_token_of_the_same_user_gives_another_term(house: House, clock: Clock) -> None:
    socket = await house.open("ann")
    house.terms["ann"] = Term("s", NOW + 5000)
    await socket.send({"type": "change_user", "token": "ann"})
    await socket.receive()
    pass_time(house, clock, 1000)
    pass_time(house, clock, 1000)
    assert not is_public(socket)
    pass_time(house, clock, 3000)
    assert is_public(socket)


async def test_a_client_that_signs_out_or_leaves_is_not_kept(house: House, clock: Clock) -> None:
    for leave in ("event", "disconnect", "revoked"):
        socket = await house.open("ann")
        assert len(house.hub.terms) == 1
        if leave == "event":
            await socket.send({"type": "change_user"})
            await socket.receive()
        elif leave == "revoked":
            house.hub.sign_out(ANN)
        else:
            socket.leave()
            await settle()
        assert len(house.hub.terms) == 0
        assert not any(house.hub.terms._wheel)
    pass_time(house, clock, 60)


async def test_a_token_that_expires_while_it_is_checked_is_found_out_at_once(
    house: House, clock: Clock
) -> None:
    house.terms["ann"] = Term("s", NOW)
    socket = await house.open("ann")
    await socket.quiet()
    assert is_public(socket)


async def test_the_end_of_a_session_signs_its_clients_out_and_no_others(house: House) -> None:
    mine, also = await house.open("ann"), await house.open("ann")
    house.terms["ann"] = Term("another", NOW + 60)
    other = await house.open("ann")
    house.hub.sign_out(ANN, "s")
    assert [is_public(socket) for socket in (mine, also, other)] == [True, True, False]


async def test_ticks_that_a_blocked_loop_missed_are_made_up_for(house: House, clock: Clock) -> None:
    sockets = []
    for seconds in (1, 7, SLOTS + 3, 10 * SLOTS):
        house.terms["ann"] = Term("s", NOW + seconds)
        sockets.append(await house.open("ann"))
    pass_time(house, clock, SLOTS + 1)
    assert [is_public(socket) for socket in sockets] == [True, True, False, False]
    pass_time(house, clock, 20 * SLOTS)
    assert all(map(is_public, sockets))


async def test_a_clock_that_is_set_back_makes_nothing_of_it(house: House, clock: Clock) -> None:
    socket = await house.open("ann")
    pass_time(house, clock, 30)
    pass_time(house, clock, -1000)
    pass_time(house, clock, 1029)
    assert not is_public(socket)
    pass_time(house, clock, 1)
    assert is_public(socket)


async def test_a_crowd_is_signed_out_a_stretch_at_a_time(house: House, clock: Clock) -> None:
    sockets = [await house.open("ann") for _ in range(STRETCH + 1)]
    pass_time(house, clock, 60)
    assert sum(map(is_public, sockets)) == STRETCH
    await settle()
    assert all(map(is_public, sockets))


async def test_the_timer_runs_while_there_is_somebody_to_sign_out(house: House, clock: Clock) -> None:
    terms = house.hub.terms
    assert terms._timer is None
    socket = await house.open("ann")
    assert terms._timer is not None
    clock.now = NOW + 60.0
    terms._timer.cancel()
    terms._turn_wheel()
    assert is_public(socket)
    assert terms._timer is None


# Told before


async def test_a_client_that_asked_as_it_connected_is_told_before(house: House, clock: Clock) -> None:
    socket = await house.open("ann", notice=20)
    pass_time(house, clock, 39)
    assert await socket.quiet() == []
    pass_time(house, clock, 1)
    assert await socket.quiet() == [expiring()]
    pass_time(house, clock, 19)
    assert not is_public(socket)
    pass_time(house, clock, 1)
    assert is_public(socket)
    assert await socket.quiet() == []


async def test_a_client_that_asks_by_an_event_is_told_for_this_token(house: House, clock: Clock) -> None:
    socket = await house.open()
    await socket.send({"type": "change_user", "token": "ann", "expiring": 10, "id": 1})
    assert (await socket.receive())["ok"]
    pass_time(house, clock, 50)
    assert await socket.quiet() == [expiring()]
    house.terms["ann"] = Term("s", NOW + 120)
    await socket.send({"type": "change_user", "token": "ann", "id": 2})
    assert (await socket.receive())["ok"]
    pass_time(house, clock, 69)
    assert await socket.quiet() == []


async def test_what_a_client_asked_as_it_connected_holds_for_each_of_its_tokens(
    house: House, clock: Clock
) -> None:
    socket = await house.open(notice=10)
    for number in (1, 2):
        house.terms["ann"] = Term("s", NOW + number * 60)
        await socket.send({"type": "change_user", "token": "ann", "id": number})
        assert (await socket.receive())["ok"]
        pass_time(house, clock, 50 if number == 1 else 60)
        assert await socket.quiet() == [expiring(NOW + number * 60)]


async def test_a_client_with_less_time_than_it_asked_for_is_told_after_its_greeting(house: House) -> None:
    socket = await house.open("ann", notice=3600)
    assert await socket.quiet() == [expiring()]
    await socket.send({"type": "change_user", "token": "ann", "expiring": 3600})
    first, second = await socket.receive(), await socket.receive()
    assert (first["type"], second) == ("connection", expiring())


async def test_a_client_that_is_told_late_by_a_blocked_loop_is_signed_out_without_a_word(
    house: House, clock: Clock
) -> None:
    socket = await house.open("ann", notice=20)
    pass_time(house, clock, 70)
    assert is_public(socket)
    assert await socket.quiet() == []


@pytest.mark.parametrize("token", [None, "nonsense"])
async def test_a_client_without_a_valid_token_is_told_nothing(token: str | None, house: House) -> None:
    socket = await house.open(token, notice=20)
    await socket.send({"type": "change_user", "token": token, "expiring": 20, "id": 1})
    assert (await socket.receive())["ok"]
    assert len(house.hub.terms) == 0


@pytest.mark.parametrize(
    ("expiring", "kind"),
    [
        (-1, "greater_than_equal"),
        (86_401, "less_than_equal"),
        (1.5, "int_from_float"),
        ("soon", "int_parsing"),
    ],
)
async def test_an_event_that_asks_for_no_number_of_seconds_is_refused(
    expiring: object, kind: str, house: House
) -> None:
    socket = await house.open()
    await socket.send({"type": "change_user", "token": "ann", "expiring": expiring})
    (problem,) = (await socket.receive())["error"]
    assert (problem["type"], problem["loc"]) == (kind, ["event", "change_user", "expiring"])


def test_a_server_without_tokens_has_no_timer() -> None:
    assert Terms(print, None)._timer is None  # type: ignore[arg-type]
