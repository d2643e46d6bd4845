"""Per-record locks: commits of one process that change the same record notify one after another."""

from __future__ import annotations

import threading

import pytest

from walkwire.errors import Busy
from walkwire.stores.postgres.record_locks import RecordLocks


def test_a_record_is_held_until_the_end_of_the_block() -> None:
    locks = RecordLocks(0.05)
    with locks.hold(["a", "b"]), pytest.raises(Busy), locks.hold(["b"]):
        pass
    with locks.hold(["b"]):
        pass


def test_other_records_are_free_meanwhile() -> None:
    locks = RecordLocks(0.05)
    with locks.hold(["a"]), locks.hold([other for other in "bc" if hash(other) % 1024 != hash("a") % 1024]):
        pass


def test_one_that_comes_too_late_lets_go_of_what_it_has() -> None:
    locks = RecordLocks(0.05)
    with locks.hold(["a"]), pytest.raises(Busy), locks.hold(["a", "b", "c"]):
        pass
    with locks.hold(["a", "b", "c"]):
        pass


def test_the_same_records_in_any_order_do_not_block_each_other_for_ever() -> None:
    locks, done = RecordLocks(30), []

    def work(*ids: str) -> None:
        for _ in range(2000):
            with locks.hold(ids):
                pass
        done.append(ids)

    threads = [threading.Thread(target=work, args=ids) for ids in ("abc", "cba", "bca")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 3
