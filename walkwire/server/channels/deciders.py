"""Deciders: makes the rules of channels from the setting CHANNELS and from what a program marks with `authorize`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial

from walkwire.config import ChannelLevels
from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.channels.rules import (
    Decide,
    DecidedRule,
    LevelRule,
    PatternRule,
    Question,
    Rules,
    compiled,
)
from walkwire.walk.authorize import ChannelCaller
from walkwire.walk.registry import ChannelRule, family_of
from walkwire.walk.run.request import RunOptions, WalkRequest
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.specs import specs_of


def make_rules(
    levels: Mapping[str, ChannelLevels], program: Iterable[ChannelRule], runtime: Runtime
) -> Rules:
    """Return the rules of all channels: those of the operator first, then the program's, each in the given order.

    Raises StartError for a walker that cannot decide.
    """
    rules: list[tuple[str, PatternRule]] = [
        (pattern, LevelRule(compiled(pattern), given.join, given.send)) for pattern, given in levels.items()
    ]
    rules += [(rule.pattern, DecidedRule(_decide(rule, runtime), rule.seconds)) for rule in program]
    return Rules(rules)


def _decide(rule: ChannelRule, runtime: Runtime) -> Decide:
    if not isinstance(rule.decide, type):
        return partial(_ask_function, rule, runtime)
    if family_of(rule.decide) != "walker":
        raise StartError(f"authorize({rule.pattern!r}) marks a function or a walker, not {rule.decide!r}")
    specs = specs_of(rule.decide)
    options = RunOptions(specs.rerun, 200, specs.seconds)
    fields = {field.alias or name for name, field in model_of(rule.decide).model_fields.items()}
    return partial(_ask_walker, rule.decide, runtime, options, fields)


async def _ask_function(rule: ChannelRule, runtime: Runtime, question: Question) -> bool:
    caller = ChannelCaller(question.root_id, question.root_id != PUBLIC_ROOT)
    answer = await runtime.call(
        rule.decide, caller, question.deed, question.channel_id, payer=question.payer or question.root_id
    )
    return answer is True


async def _ask_walker(
    walker: type, runtime: Runtime, options: RunOptions, fields: set[str], question: Question
) -> bool:
    given = {"deed": question.deed, "channel_id": question.channel_id}
    values = {name: value for name, value in given.items() if name in fields}
    payer = question.payer
    answer = await runtime.run(
        WalkRequest(walker, values.copy, question.root_id, options=options, payer=payer)
    )
    body = json.loads(answer.body or b"null")
    reports: list[object] = body.get("reports", []) if isinstance(body, dict) else []
    return bool(reports) and all(report is True for report in reports)
