"""The table of close codes."""

from __future__ import annotations

import json

import pytest

from walkwire.wire.message import close
from walkwire.wire.message.close import Close

TABLE = {value.code: value for value in vars(close).values() if isinstance(value, Close)}


def test_the_table_is_the_protocols() -> None:
    assert sorted(TABLE) == [1001, 1002, 1003, 1007, 1009, 4001, 4003, 4009, 4100, 4108, 4129, 4200]


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: str(row.code))
def test_the_number_says_whether_to_come_back(row: Close) -> None:
    told = json.loads(row.text())
    assert list(told) == ["reconnect_in", "reason"]
    comes_back = row.code == 1001 or row.code >= 4100
    assert (told["reconnect_in"] is not None) == comes_back


@pytest.mark.parametrize("reason", ["x" * 500, "é" * 500, '"' * 500, "\U0001f600" * 500])
def test_a_reason_is_cut_to_what_a_close_frame_holds(reason: str) -> None:
    text = Close(4200, reason, 123456).text()
    assert 100 < len(text.encode()) <= 123
    assert reason.startswith(json.loads(text)["reason"])
