"""How findings are printed."""

from __future__ import annotations

import json

from walkwire.doctor.finding import Finding, as_json, as_text

FINDINGS = [Finding("ok", "mode", "production"), Finding("wrong", "database", "Away. Start it")]


def test_each_finding_is_a_line_and_the_last_has_the_numbers() -> None:
    assert as_text(FINDINGS).splitlines() == [
        "ok     mode      production",
        "wrong  database  Away. Start it",
        "ok: 1, warn: 0, wrong: 1",
    ]


def test_as_json_they_are_a_list_of_objects() -> None:
    assert json.loads(as_json(FINDINGS))[1] == {
        "level": "wrong",
        "what": "database",
        "sentence": "Away. Start it",
    }
