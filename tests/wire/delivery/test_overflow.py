"""What becomes of what a slow listener was not sent, by the names of channels."""

from __future__ import annotations

import pytest

from walkwire.wire.delivery.overflow import Keeping
from walkwire.wire.message.notification import Keep


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
    channels: list[str], keep: Keep
) -> None:
    keeping = Keeping({"ticker:slow:*": "drop_oldest", "ticker:*": "latest"})
    assert keeping.of(channels) == keep
    assert keeping.of(iter(channels)) == keep


def test_without_patterns_everything_is_kept() -> None:
    assert Keeping().of(["ticker:acme"]) == "close"
