"""What becomes of what a slow listener was not sent, by the names of channels."""

from __future__ import annotations

import pytest

from walkwire.wire.delivery.overflow import OverflowPolicies
from walkwire.wire.message.notification import Overflow


@pytest.mark.parametrize(
    ("channels", "keep"),
    [
        (["ticker:acme"], "latest"),
        (["ticker:slow:acme"], "drop_oldest"),
        (["lobby"], "close"),
        (["ticker:a", "ticker:b"], "latest"),
        (["ticker:a", "lobby"], "close"),
        (["ticker:a", "ticker:slow:a"], "close"),
    ],
)
def test_the_first_pattern_that_fits_counts_and_all_channels_have_to_agree(
    channels: list[str], keep: Overflow
) -> None:
    policies = OverflowPolicies({"ticker:slow:*": "drop_oldest", "ticker:*": "latest"})
    assert policies.find(channels) == keep
    assert policies.find(iter(channels)) == keep


def test_without_patterns_everything_is_kept() -> None:
    assert OverflowPolicies().find(["ticker:acme"]) == "close"
