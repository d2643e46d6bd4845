"""What a program's walkers take and report, and what is told."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from walkwire.program import load_alone
from walkwire.types.shapes import ProgramShapes, WalkerShape, shapes_of


def _walker(shapes: ProgramShapes, name: str) -> WalkerShape:
    return next(one for one in shapes.walkers if one.name == name)


def test_walkers_that_can_be_called_are_there_in_order(shapes: ProgramShapes) -> None:
    found = {one.name: one.is_on_socket for one in shapes.walkers}
    assert found == {
        "_Client": True,
        "interface": True,
        "read": False,
        "string": True,
        "upload": False,
        "vote": True,
    }
    assert list(found) == sorted(found)
    assert shapes.archetypes == ["Card", "Wrote"]
    assert list(shapes.told) == ["chat", "moved", "odd 'name\"\n\u2028*/"]


@pytest.mark.parametrize(
    ("given", "is_valid"),
    [
        ({"choice": "tea"}, True),
        ({"choice": "tea", "weight": 2, "colour": "red", "card": "n:Card:1", "message": {"text": "a"}}, True),
        ({}, False),
        ({"choice": "milk"}, False),
        ({"choice": "tea", "weight": "2 kg"}, False),
        ({"choice": "tea", "message": {}}, False),
        ({"choice": "tea", "colour": "RED"}, False),
    ],
)
def test_the_fields_are_those_that_a_call_may_give(
    shapes: ProgramShapes, given: object, is_valid: bool
) -> None:
    fields = _walker(shapes, "vote").fields
    assert "secret" not in fields["properties"]
    whole = {**fields, "$defs": shapes.definitions}
    assert jsonschema_rs.validator_for(whole).is_valid(given) is is_valid


def test_every_reference_leads_somewhere(shapes: ProgramShapes) -> None:
    text = json.dumps([shapes.definitions, shapes.told, [[one.fields, one.report] for one in shapes.walkers]])
    named = {one.partition('"')[0] for one in text.split('"#/$defs/')[1:]}
    assert named <= shapes.definitions.keys()
    assert {"Card", "Message", "MessageInput", "Moved"} <= named


def test_one_notification_of_two_walkers_is_either(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from walkwire import Walker, specs\n"
        "@specs(tells={'a': int})\nclass one(Walker): pass\n"
        "@specs(tells={'a': str}, private=True)\nclass two(Walker): pass\n"
    )
    told = shapes_of(load_alone(tmp_path / "main.py")).told
    assert told == {"a": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}


def test_jac_declares_the_same(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(
        """
obj Message { has text: str; }
node Card { has title: str; }
walker tell {
    has card: Card | None = None;
    can say with `root entry { report Card(title="a"); }
    class __specs__ {
        has methods: list = ["websocket"];
        has reports: object = Card;
        has tells: dict = {"chat": Message};
    }
}
"""
    )
    shapes = shapes_of(load_alone(tmp_path / "main.jac"))
    assert shapes.told == {"chat": {"$ref": "#/$defs/Message"}}
    assert _walker(shapes, "tell").report == {"$ref": "#/$defs/Card"}
    assert _walker(shapes, "tell").fields["properties"].keys() == {"card"}
