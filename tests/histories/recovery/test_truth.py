"""Truth: what it takes for agreement, and what for a fault."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.histories.recovery.truth import Fault, Truth

DEN = ("channels", "den")
Story = Callable[[Truth], None]


def told(truth: Truth, *publishers: str) -> list[int]:
    """Send and confirm one after another."""
    numbers = []
    for publisher in publishers:
        numbers.append(truth.send(DEN, publisher))
        truth.confirm(numbers[-1])
    return numbers


def hear(truth: Truth, client: str, *numbers: int, is_open: bool = True) -> None:
    segment = truth.begin(client, DEN)
    for number in numbers:
        truth.hear(segment, DEN, number)
    segment.is_open = is_open


def test_what_was_sent_at_the_same_time_may_have_any_order() -> None:
    truth = Truth()
    one, other = truth.send(DEN, "a"), truth.send(DEN, "b")
    hear(truth, "ann", other, one)
    hear(truth, "bob", other, one)
    truth.check()


def test_who_was_told_of_a_loss_need_not_hear_what_was_lost() -> None:
    truth = Truth()
    segment = truth.begin("ann", DEN)
    first, _, third = told(truth, "a", "a", "a")
    truth.hear(segment, DEN, first)
    segment.is_open = False
    hear(truth, "ann", third)
    truth.check()


def test_what_was_not_confirmed_need_not_be_heard_by_anybody() -> None:
    truth = Truth()
    truth.begin("ann", DEN)
    truth.send(DEN, "a")
    truth.check()


def test_what_was_sent_before_a_client_began_and_came_late_is_waited_for() -> None:
    truth = Truth()
    late = truth.send(DEN, "a")
    ann, bob = truth.begin("ann", DEN), truth.begin("bob", DEN)
    (other,) = told(truth, "b")
    for segment, number in ((ann, other), (ann, late), (bob, other)):
        truth.hear(segment, DEN, number)
    assert "has not heard what follows" in "".join(truth.missing())
    with pytest.raises(Fault):
        truth.check()
    truth.hear(bob, DEN, late)
    assert not truth.missing()
    truth.check()


def twice(truth: Truth) -> None:
    (one,) = told(truth, "a")
    hear(truth, "ann", one, one)


def on_another_stream(truth: Truth) -> None:
    number = truth.send(("users", "bob"), "a")
    hear(truth, "ann", number)


def never(truth: Truth) -> None:
    truth.begin("ann", DEN)
    told(truth, "a")


def passed_over(truth: Truth) -> None:
    segment = truth.begin("ann", DEN)
    _, second = told(truth, "a", "a")
    truth.hear(segment, DEN, second)
    segment.is_open = False


def later_than_what_was_sent_after_it(truth: Truth) -> None:
    one, other = told(truth, "a", "b")
    hear(truth, "ann", other, one)


def out_of_the_publishers_order(truth: Truth) -> None:
    one, other = truth.send(DEN, "a"), truth.send(DEN, "a")
    hear(truth, "ann", other, one)


def in_two_orders(truth: Truth) -> None:
    one, other = truth.send(DEN, "a"), truth.send(DEN, "b")
    hear(truth, "ann", one, other)
    hear(truth, "bob", other, one)


def only_by_one_of_two(truth: Truth) -> None:
    one, other, last = (truth.send(DEN, name) for name in "abc")
    hear(truth, "ann", one, other, last)
    hear(truth, "bob", one, last)


@pytest.mark.parametrize(
    "story",
    [
        twice,
        on_another_stream,
        never,
        passed_over,
        later_than_what_was_sent_after_it,
        out_of_the_publishers_order,
        in_two_orders,
        only_by_one_of_two,
    ],
)
def test_a_fault_is_found(story: Story) -> None:
    truth = Truth()

    def play() -> None:
        story(truth)
        truth.check()

    with pytest.raises(Fault):
        play()
