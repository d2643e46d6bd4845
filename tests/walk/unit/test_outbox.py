"""The outbox: what is held, what is sent, and that a retry sends nothing twice."""

from __future__ import annotations

import pytest

from walkwire.walk.audience import Addressees
from walkwire.walk.unit.outbox import WalkOutbox


def test_a_second_run_sends_only_what_the_first_did_not() -> None:
    sent: list[bytes] = []
    outbox = WalkOutbox(lambda audience, data: sent.append(data))

    def check() -> None:
        raise AssertionError("what leaves in any case, or is held, needs no check")

    for run in (1, 2):
        outbox.begin()
        for data in (b"a", b"a", b"b") if run == 1 else (b"a", b"a", b"a", b"c"):
            outbox.put(("channels", ("x",)), data, now=True, is_dirty=lambda: True, check=check)  # type: ignore[arg-type]
        outbox.put(("channels", ("x",)), b"held", now=False, is_dirty=lambda: True, check=check)  # type: ignore[arg-type]
    outbox.release()

    assert sent == [b"a", b"a", b"b", b"a", b"c", b"held"]


@pytest.mark.parametrize("may_rerun", [False, True])
async def test_a_walk_that_is_not_run_again_may_tell_for_ever_and_nothing_of_it_is_kept(
    may_rerun: bool,
) -> None:
    sent: list[bytes] = []
    outbox = WalkOutbox(lambda audience, data: sent.append(data), may_rerun)
    outbox.begin()
    outbox.put(Addressees("channels", ("x",)), b"0", False, lambda: False, lambda: None)
    outbox.begin()  # another run: of it, "0" has been told
    outbox.put(Addressees("channels", ("x",)), b"0", False, lambda: False, lambda: None)
    outbox.end_retries()
    for number in range(1, 100):
        outbox.put(Addressees("channels", ("x",)), b"%d" % number, False, lambda: False, lambda: None)
    assert sent == ([] if may_rerun else [b"0"]) + [b"%d" % number for number in range(100)]
    assert not outbox._sent
