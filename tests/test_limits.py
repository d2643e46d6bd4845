"""The page of limits: each number without a setting is that of the code. Those with a setting: `tests/test_docs.py`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from walkwire.account import email, ticket, user
from walkwire.config.kinds import RECENT
from walkwire.histories import memory
from walkwire.ids import CHANNEL_LENGTH
from walkwire.server import keyed
from walkwire.server.socket import requests
from walkwire.walk.run import answer, retry
from walkwire.walk.unit import locks
from walkwire.walk.walker import report
from walkwire.wire.limits import Limits
from walkwire.wire.message import bounds, frame, text
from walkwire.wire.presence import frames, presence
from walkwire.wire.sessions import events

PAGE = Path(__file__).parent.parent / "docs" / "limits.md"
MEBIBYTE, KIBIBYTE, LIMITS = 1024 * 1024, 1024, Limits()
PASSWORD = TypeAdapter(user.Password).json_schema()["maxLength"]
WORDS = {5: "five", 10: "ten"}

# What the page says, with the number of the code in each place.
FACTS: list[tuple[str, *tuple[float, ...]]] = [
    ("a connection is in at most {} channels", LIMITS.channels),
    ("whose ids have {} characters in all", LIMITS.channel_characters),
    ("A channel id has at most {} characters", CHANNEL_LENGTH),
    ("an event's `id` {}, a `key` {}.", bounds.ID_LENGTH, bounds.KEY_LENGTH),
    ("nested at most {} levels, and an integer has at most {} digits", text.DEPTH, text.DIGITS),
    ("{} walker events with an `id` of one connection run at once", LIMITS.side_by_side),
    ("A notification has at most {} MiB.", frame.LIMIT / MEBIBYTE),
    (
        "the head of a request has {} KiB, {} headers, and {} to {} seconds",
        requests.HEAD_BYTES / KIBIBYTE, requests.HEADERS, requests.HEAD_SECONDS, 2 * requests.HEAD_SECONDS,
    ),
    ("{} requests of one connection wait for their answers", requests.PIPELINE),
    ("An error lists at most {} problems", bounds.TOLD),
    ("retried for at most {} attempts or {} seconds", retry.ATTEMPTS, locks.PATIENCE_SECONDS),
    ("nests nodes at most {} levels deep, and has at most {} of them", report.DEPTH, report.NESTED),
    ("an e-mail address has at most {} characters", email.LONGEST_EMAIL),
    ("A password has at most {}.", PASSWORD),
    ("opens one WebSocket, within {} seconds", ticket.LIFETIME),
    ("hear | {}, for {} minutes, {} MiB; or by", RECENT.most, RECENT.seconds / 60, memory.STREAM_BYTES / MEBIBYTE),
    ("with a key, up to {} characters | {} hours |", answer.KEPT_BYTES, keyed.KEPT_SECONDS / 3600),
    ("whose connection broke | {} seconds |", presence.LINGER),
    ("lists users up to {} of them or {} KiB", frames.MOST, frames.MOST_BYTES / KIBIBYTE),
    ("in at most {} frames a second for each channel", 1 / presence.TICK),
    ("`info` has at most {} KiB", events.INFO_BYTES / KIBIBYTE),
]  # fmt: skip


def spelled(number: float) -> str:
    """A number as the page may write it, as a pattern."""
    assert number == int(number)
    word = WORDS.get(int(number))
    return rf"(?:{int(number):,}|{word})" if word else f"{int(number):,}"


@pytest.fixture(scope="module")
def facts() -> str:
    """The lines with numbers that have no setting."""
    page = PAGE.read_text()
    kept = page.partition("## What is kept")[2].partition("\nIn the code:")[0]
    return "\n".join([*re.findall(r"^Fixed: .*$", page, re.MULTILINE), kept])


def test_each_number_is_that_of_the_code(facts: str) -> None:
    for sentence, *numbers in FACTS:
        pattern = re.escape(sentence).replace(r"\{\}", "{}").format(*map(spelled, numbers))
        assert re.search(pattern, facts), f"{sentence}: {numbers}"


def test_no_number_is_left_that_nothing_compares(facts: str) -> None:
    for sentence, *numbers in FACTS:
        pattern = re.escape(sentence).replace(r"\{\}", "{}").format(*map(spelled, numbers))
        facts = re.sub(pattern, "", facts)
    assert re.findall(r".{0,30}\b\d[\d,]*.{0,20}", re.sub(r"version \d|\(\[.*?\)\)", "", facts)) == []
