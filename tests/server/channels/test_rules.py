"""Rules of channels: which one counts, what its level allows, and how often a program is asked."""

from __future__ import annotations

import asyncio

import pytest

from walkwire.config import ChannelLevel
from walkwire.errors import Busy, TimedOut
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.channels import rules as module
from walkwire.server.channels.rules import DecidedRule, LevelRule, Question, Rules, compiled
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.rights.rights import Deed

ANN, BOB = "a" * 24, "b" * 24


def client(root_id: str = ANN, *channel_ids: str) -> Client:
    made = Client("1:client", root_id, "own", True, GONE)
    made.channels.update(channel_ids)
    return made


def level_rule(level: ChannelLevel, pattern: str = "user:{root_id}") -> LevelRule:
    return LevelRule(compiled(pattern), level, level)


@pytest.mark.parametrize(
    ("level", "owner", "other", "public"),
    [
        ("all", True, True, True),
        ("authenticated", True, True, False),
        ("owner", True, False, False),
        ("members", False, False, False),
        ("none", False, False, False),
    ],
)
def test_a_level_allows(level: ChannelLevel, owner: bool, other: bool, public: bool) -> None:
    rule = level_rule(level)
    for root_id, expected in ((ANN, owner), (BOB, other), (PUBLIC_ROOT, public)):
        for deed in ("join", "send"):
            assert rule.known(deed, client(root_id), f"user:{ANN}") is expected  # type: ignore[arg-type]


def test_the_public_user_owns_no_channel() -> None:
    assert level_rule("owner").known("join", client(PUBLIC_ROOT), f"user:{PUBLIC_ROOT}") is False


@pytest.mark.parametrize("written", [ANN, ANN.upper(), f"n::{ANN}"])
def test_a_root_is_found_however_it_is_written(written: str) -> None:
    assert level_rule("owner", "user:{root_id}:*").known("send", client(), f"user:{written}:x") is True
    assert level_rule("owner", "user:{root_id}").known("send", client(), f"user:{written}:x") is False


def test_members_send_and_nobody_becomes_one_by_asking() -> None:
    rule = level_rule("members", "room:*")
    member = client(ANN, "room:1")
    assert rule.known("send", member, "room:1") is True
    assert rule.known("join", member, "room:1") is False
    member.refused = frozenset({"room:1"})
    assert rule.known("send", member, "room:1") is False


def test_the_first_rule_that_matches_counts_and_nodes_are_matched_only_by_their_own_patterns() -> None:
    one, two, rest = level_rule("all"), level_rule("none"), level_rule("members")
    rules = Rules([("room:1", one), ("room:[12]", two), ("*", rest)])
    assert [rules.find(id, False) for id in ("room:1", "room:2", "room:3")] == [one, two, rest]
    assert rules.find("n:Board:" + ANN, True) is None
    assert Rules([("n:Board:*", one)]).find("n:Board:" + ANN, True) is one
    assert not Rules()


class Program:
    """A decider that answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, question: Question) -> bool:
        self.asked.append(question)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return question.root_id == ANN


def ask(rule: DecidedRule, root_id: str = ANN, deed: Deed = "join", payer: str = "") -> asyncio.Task[bool]:
    return asyncio.create_task(rule.ask(Question(root_id, deed, "room:1", payer), client(root_id)))


async def test_one_answer_is_for_all_who_ask_at_the_same_time() -> None:
    program = Program()
    rule = DecidedRule(program)
    waiting = [ask(rule, payer="one"), ask(rule, payer="two"), ask(rule, BOB), ask(rule, deed="send")]
    await asyncio.sleep(0)
    waiting[0].cancel()  # others still wait for the answer
    program.gate.set()
    await asyncio.wait(waiting)
    assert [task.result() for task in waiting[1:]] == [True, False, True]
    assert len(program.asked) == 3
    assert await ask(rule)  # nothing is remembered
    assert len(program.asked) == 4


async def test_an_answer_is_remembered_for_as_long_as_the_program_says() -> None:
    program, now = Program(), 0.0
    program.gate.set()
    rule = DecidedRule(program, 60, lambda: now)
    assert rule.known("join", client(), "room:1") is None
    assert await ask(rule)
    assert not await ask(rule, BOB)
    now = 59
    assert rule.known("join", client(), "room:1") is True
    assert rule.known("join", client(BOB), "room:1") is False
    assert await ask(rule)
    assert len(program.asked) == 2
    now = 60
    assert rule.known("join", client(), "room:1") is None
    assert await ask(rule)
    assert len(program.asked) == 3


async def test_a_failure_is_not_remembered_and_reaches_all_who_asked() -> None:
    program = Program()
    program.error = RuntimeError("no")
    program.gate.set()
    rule = DecidedRule(program, 60)
    for failed in await asyncio.gather(ask(rule), ask(rule), return_exceptions=True):
        assert isinstance(failed, RuntimeError)
    program.error = None
    assert await ask(rule)


async def test_questions_are_bounded_in_number_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNDER_WAY", 1)
    monkeypatch.setattr(module, "SECONDS", 0.0)
    program = Program()
    rule = DecidedRule(program)
    late = ask(rule)
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await rule.ask(Question(BOB, "join", "room:1"), client(BOB))
    with pytest.raises(TimedOut):
        await late


async def test_only_so_many_answers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWERS", 1)
    program = Program()
    program.gate.set()
    rule = DecidedRule(program, 60)
    await ask(rule)
    await ask(rule, BOB)
    assert rule.known("join", client(), "room:1") is None
    assert rule.known("join", client(BOB), "room:1") is False
