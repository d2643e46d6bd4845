"""The checker finds each anomaly in a history made by hand, and nothing in one that is right."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cluster.history.checker import check
from tests.cluster.history.model import (
    ABORTED,
    Add,
    Announced,
    Append,
    Fault,
    Get,
    Heard,
    History,
    Listening,
    Look,
    Outcome,
    Read,
    Remove,
    Step,
    Transaction,
    Write,
)


class Made(History):
    """A history made by hand. Transactions are numbered from 0; those with the same `at` are concurrent."""

    def __init__(self) -> None:
        super().__init__()

    def add(
        self,
        *steps: Step,
        at: tuple[float, float] = (0, 1),
        outcome: Outcome = "ok",
        code: str = "",
        after: int | None = None,
        perhaps: tuple[int, ...] = (),
    ) -> Made:
        """One more transaction."""
        number = len(self.transactions)
        self.transactions.append(
            Transaction(number, number, *at, outcome, steps, code, after, perhaps=perhaps)
        )
        return self

    @property
    def names(self) -> set[str]:
        return set(check(self).names)


def test_what_happened_one_after_another_is_right() -> None:
    made = Made()
    made.add(Add("alive", 1), Append("x", 1), at=(0, 1))
    made.add(Read("x", (1,)), Append("x", 2), Write("r", 5), at=(2, 3))
    made.add(Read("x", (1, 2)), Get("r", 5, 0), Look("alive", (1,)), at=(4, 5))
    made.add(Look("alive", (1,)), Remove("alive", 1), Write("r", 6), at=(6, 7))
    made.add(Look("alive", ()), Read("x", (1, 2)), Get("r", 6, 5), at=(8, 9))
    assert not check(made).findings


def test_what_happened_at_the_same_time_may_have_any_order() -> None:
    made = Made()
    made.add(Append("x", 1))
    made.add(Append("x", 2))
    made.add(Read("x", (2,)))
    made.add(Read("x", (2, 1)))
    made.add(Add("s", 1))
    made.add(Look("s", ()))
    made.add(Look("s", (1,)))
    assert not check(made).findings


def test_an_answer_that_never_came_leaves_both_possible() -> None:
    lost, done = Made(), Made()
    for made in (lost, done):
        made.add(Append("x", 1), at=(0, 1), outcome="info")
    lost.add(Read("x", ()), at=(2, 3))
    done.add(Read("x", (1,)), at=(2, 3))
    assert not check(lost).findings
    assert not check(done).findings


def test_two_that_overwrote_each_other_in_opposite_orders_are_g0() -> None:
    made = Made().add(Append("x", 1), Append("y", 1)).add(Append("x", 2), Append("y", 2))
    made.add(Read("x", (1, 2)), at=(5, 6)).add(Read("y", (2, 1)), at=(5, 6))
    assert "G0" in made.names


@pytest.mark.parametrize(("code", "name"), [(ABORTED, "G1a"), ("busy", "refused-but-done")])
def test_a_refused_write_that_is_read(code: str, name: str) -> None:
    made = Made().add(Append("x", 1), outcome="fail", code=code).add(Read("x", (1,)))
    assert made.names == {name}
    register = Made().add(Write("r", 1), outcome="fail", code=code).add(Get("r", 1, 0))
    assert register.names == {name}
    element = Made().add(Add("s", 1), outcome="fail", code=code).add(Look("s", (1,)))
    assert element.names == {name}


def test_a_read_of_what_its_writer_did_not_leave_is_g1b() -> None:
    made = Made().add(Append("x", 1), Append("x", 2)).add(Read("x", (1,))).add(Read("x", (1, 2)))
    assert "G1b" in made.names
    register = Made().add(Get("r", 0, 0), Write("r", 1), Write("r", 2)).add(Get("r", 1, 0))
    assert "G1b" in register.names


def test_a_condition_that_nobody_knows_of_may_have_left_the_write_before_it() -> None:
    made = Made().add(Write("r", 1), Write("r", 2), outcome="info", perhaps=(2,))
    assert made.add(Get("r", 1, 0), at=(2, 3)).names == set()
    made = Made().add(Write("r", 1), Write("r", 2), outcome="info")
    assert made.add(Get("r", 1, 0), at=(2, 3)).names == {"G1b"}


def test_two_that_read_each_other_are_g1c() -> None:
    made = Made().add(Append("x", 1), Read("y", (1,))).add(Append("y", 1), Read("x", (1,)))
    assert made.names == {"G1c"}


def test_half_of_what_another_did_is_g_single() -> None:
    made = Made().add(Append("x", 1), Append("y", 1)).add(Read("x", (1,)), Read("y", ()))
    made.add(Read("y", (1,)), at=(5, 6))
    assert made.names == {"G-single"}


def test_write_skew_is_g2() -> None:
    made = Made().add(Read("x", ()), Append("y", 1)).add(Read("y", ()), Append("x", 1))
    made.add(Read("x", (1,)), Read("y", (1,)), at=(5, 6))
    assert made.names == {"G2"}
    registers = Made()
    registers.add(Get("a", 0, 0), Get("b", 0, 0), Write("b", 1)).add(
        Get("b", 0, 0), Get("a", 0, 0), Write("a", 1)
    )
    assert registers.names == {"G2"}


def test_a_lost_update() -> None:
    made = Made().add(Append("x", 1), at=(0, 1))
    made.add(Read("x", (1,)), Append("x", 2), at=(2, 3)).add(Read("x", (1,)), Append("x", 3), at=(2, 3))
    made.add(Read("x", (1, 2, 3)), at=(5, 6))
    assert {"lost-update", "G-single"} <= made.names
    register = Made().add(Get("r", 0, 0), Write("r", 1)).add(Get("r", 0, 0), Write("r", 2))
    assert "lost-update" in register.names


def test_a_stale_read_denies_real_time() -> None:
    made = Made().add(Append("x", 1), at=(0, 1)).add(Read("x", ()), at=(2, 3)).add(Read("x", (1,)), at=(4, 5))
    assert made.names == {"G-single-realtime"}


def test_an_order_of_writes_against_real_time() -> None:
    made = (
        Made().add(Append("x", 1), at=(0, 1)).add(Append("x", 2), at=(2, 3)).add(Read("x", (2, 1)), at=(4, 5))
    )
    assert made.names == {"G0-realtime"}


def test_a_read_of_the_future() -> None:
    made = Made().add(Read("x", (1,)), at=(0, 1)).add(Append("x", 1), at=(2, 3))
    assert made.names == {"G1c-realtime"}


def test_an_acknowledged_write_that_is_nowhere() -> None:
    made = (
        Made().add(Append("x", 1), at=(0, 1)).add(Append("x", 2), at=(2, 3)).add(Read("x", (2,)), at=(4, 5))
    )
    assert made.names == {"lost-write"}
    register = Made().add(Get("r", 0, 0), Write("r", 1), at=(0, 1)).add(Get("r", 0, 0), at=(4, 5))
    assert "lost-write" in register.names
    element = Made().add(Add("s", 1), at=(0, 1)).add(Look("s", ()), at=(4, 5))
    assert "lost-write" in element.names


def test_lists_that_cannot_follow_each_other() -> None:
    made = Made().add(Append("x", 1)).add(Append("x", 2)).add(Read("x", (1,))).add(Read("x", (2,)))
    assert "incompatible-order" in made.names


def test_a_value_twice_and_one_from_nowhere() -> None:
    assert "duplicate" in Made().add(Append("x", 1)).add(Read("x", (1, 1))).names
    assert "garbage" in Made().add(Read("x", (1,))).names
    assert "garbage" in Made().add(Look("s", (1,))).names


def test_a_transaction_sees_its_own_writes_and_the_same_twice() -> None:
    assert "internal" in Made().add(Append("x", 1), Read("x", ())).names
    unrepeatable = Made().add(Append("x", 1)).add(Read("x", ()), Read("x", (1,)))
    assert "internal" in unrepeatable.names
    assert "internal" in Made().add(Write("r", 1), Get("r", 0, 0)).names
    assert not Made().add(Append("x", 1), Read("x", (1,)), Write("r", 1), Get("r", 1, 0)).names


def test_two_that_made_one_because_there_was_none() -> None:
    made = Made()
    made.unique.add("s")
    made.add(Look("s", ()), Add("s", 1)).add(Look("s", ()), Add("s", 2)).add(Look("s", (1, 2)), at=(5, 6))
    assert made.names == {"predicate-duplicate", "G2"}


def test_a_search_that_misses_half_of_what_was_made() -> None:
    made = (
        Made()
        .add(Add("s", 1), Add("t", 2))
        .add(Look("s", (1,)), Look("t", ()))
        .add(Look("t", (2,)), at=(5, 6))
    )
    assert made.names == {"G-single"}


def test_a_search_for_some_elements_says_nothing_of_others() -> None:
    made = Made().add(Add("s", 1), Add("s", 2), at=(0, 1)).add(Look("s", (2,), (2,)), at=(2, 3))
    assert not made.names


def test_an_edge_to_what_is_gone() -> None:
    made = Made().add(Add("alive", 1), Add("around", 1), at=(0, 1))
    made.add(Look("alive", (1,)), Remove("alive", 1), Remove("around", 1), at=(2, 3))
    made.add(Look("around", (1,)), Look("alive", ()), at=(2, 3))
    assert made.names == {"G-single"}


def test_what_was_removed_does_not_come_back() -> None:
    made = Made().add(Add("s", 1), at=(0, 1)).add(Look("s", (1,)), Remove("s", 1), at=(2, 3))
    made.add(Look("s", (1,)), at=(4, 5))
    assert made.names == {"G-single-realtime"}


def test_an_add_without_an_answer_may_have_found_another_there_although_the_rest_was_done() -> None:
    made = Made().add(Add("s", 1), Append("x", 1), at=(0, 1), outcome="info")
    assert made.add(Read("x", (1,)), Look("s", ()), at=(2, 3)).names == set()
    assert made.add(Look("s", (1,)), at=(4, 5)).names


def test_what_may_have_been_removed_is_not_lost() -> None:
    made = Made().add(Add("s", 1), at=(0, 1)).add(Remove("s", None), at=(2, 3), outcome="info")
    made.add(Look("s", ()), at=(4, 5))
    assert not made.names
    made.add(Look("s", (1,)), at=(6, 7))
    assert made.names == {"G-single-realtime"}


def test_what_one_walk_committed_first_comes_first() -> None:
    made = Made().add(Read("x", (1,))).add(Append("x", 1), after=0)
    assert made.names == {"G1c-realtime"}


def told(outcome: Outcome = "ok", code: str = "") -> Made:
    """One append, of which the channel was told, and a listener who was there all the time."""
    made = Made().add(Append("x", 1), at=(1, 2), outcome=outcome, code=code)
    made.announced.append(Announced(0, "news", "x", 1, 1, "first"))
    made.listening.append(Listening(0, "news", "first", 0, 10))
    return made


def test_who_is_there_hears_what_was_committed_once() -> None:
    assert told().names == {"not-told"}
    made = told()
    made.heard.append(Heard(0, 2, "x", 1, 1))
    assert not made.names
    made.heard.append(Heard(0, 3, "x", 1, 1))
    assert made.names == {"told-twice"}


@pytest.mark.parametrize(("outcome", "code"), [("info", "closed"), ("fail", ABORTED)])
def test_what_was_not_committed_is_not_told(outcome: Outcome, code: str) -> None:
    made = told(outcome, code)
    made.add(Read("x", ()), at=(4, 5))
    assert not made.names
    made.heard.append(Heard(0, 3, "x", 1, 1))
    assert made.names == {"told-not-committed"}


def test_a_pair_that_is_told_is_of_one_moment() -> None:
    made = Made()
    made.heard += [Heard(0, 1, "pair", 0, 0, (3, 3)), Heard(0, 1, "pair", 0, 0, (3, 4))]
    assert made.names == {"torn-notification"}


def test_later_versions_that_are_heard_first_are_counted() -> None:
    made = Made().add(Append("x", 1), at=(0, 1)).add(Append("x", 2), at=(2, 3))
    made.heard += [Heard(0, 3, "x", 2, 2), Heard(0, 3, "x", 1, 1)]
    report = check(made)
    assert not report.findings
    assert report.told.late == 1


def test_a_history_is_saved_and_loaded(tmp_path: Path) -> None:
    made = told()
    made.add(Look("s", (1,), (1, 2)), Get("r", 1, 0), Remove("s", None), outcome="info", code="closed")
    made.heard.append(Heard(0, 1, "pair", 0, 0, (3, 3)))
    made.unique.add("s")
    made.save(tmp_path / "history")
    loaded = History.load(tmp_path / "history")
    assert [getattr(loaded, name) for name in History.__slots__] == [
        getattr(made, name) for name in History.__slots__
    ]


def test_time_grows_with_the_number_of_transactions_and_not_faster() -> None:
    def seconds(count: int) -> float:
        made = Made()
        for number in range(count):
            key, begun = f"x{number // 40}", float(number)
            values = tuple(range(number // 40 * 40, number))
            made.add(Read(key, values), Append(key, number), Look("s", ()), at=(begun, begun + 3.5))
            if number % 40 == 39:
                made.add(Read(key, (*values, number)), at=(begun + 3, begun + 4))
        start = time.process_time()
        assert not check(made).findings
        return time.process_time() - start

    few = min(seconds(2_000) for _ in range(3))
    assert seconds(20_000) < 30 * few


def test_another_server_may_miss_what_was_told_while_something_was_harmed() -> None:
    made = told()
    made.listening[0] = Listening(0, "news", "second", 0, 10)
    assert made.names == {"not-told"}
    made.faults.append(Fault("broker-kill", "", 5, 6, 6.5))
    assert not made.names
