"""Of the bench, what can be wrong without a figure being wrong: names that have drifted apart, a picture that is none."""

from __future__ import annotations

import math
from xml.etree import ElementTree

from bench import chart
from bench.__main__ import scenarios
from bench.budget import BUDGETS
from bench.results import Results
from bench.stage import Bars
from bench.table import markdown

FACTS = {
    "date": "today",
    "commit": "abc",
    "processor": "a & b",
    "run": "3 rounds",
    "others": "slept",
}


def made_up() -> Results:
    """A figure for each that is drawn, and a subject for each scenario."""
    results = Results()
    for number, scenario in enumerate(scenarios(), 1):
        names = [
            name
            for picture in scenario.pictures
            for name in ([picture.figure] if isinstance(picture, Bars) else picture.at)
        ]
        for place, subject in enumerate(scenario.subjects):
            lost = scenario.name == "stalled" and place == 1  # where nobody is told any more
            for value in (math.inf,) * 3 if lost else (number, number * 2, number * 3):
                results.add(scenario.name, subject.name, dict.fromkeys(names, float(value)), [])
    return results


def test_each_budget_is_about_something_that_is_measured() -> None:
    known = {(scenario.name, subject.name) for scenario in scenarios() for subject in scenario.subjects}
    for budget in BUDGETS:
        for key in (budget.of, *budget.beside):
            assert (key.scenario, key.subject) in known, budget.what


def test_the_picture_has_a_bar_or_a_point_for_each_figure() -> None:
    results = made_up()
    picture = ElementTree.fromstring(chart.draw(scenarios(), results, FACTS))
    drawn = [element.tag.rpartition("}")[2] for element in picture.iter()]
    pictures = [
        (scenario, picture) for scenario in scenarios() for picture in scenario.pictures if scenario.subjects
    ]
    bars = sum(len(scenario.subjects) for scenario, one in pictures if isinstance(one, Bars))
    points = sum(
        len(scenario.subjects) * len(one.at) for scenario, one in pictures if not isinstance(one, Bars)
    )
    assert drawn.count("rect") == bars + 1  # and the paper
    assert drawn.count("circle") == points
    assert "∞" in "".join(picture.itertext())


def test_the_page_shows_medians_beside_what_was_asked() -> None:
    page = markdown(scenarios(), made_up(), FACTS, "x.svg")
    assert page.count("\n## ") == 1 + len(scenarios())
    assert "](x.svg)" in page
    assert "| loop held by a broadcast to 10,000, ms | ≤ 20 |" in page
