"""Chart: the figures of a run as one SVG: a panel for each picture that a scenario asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Set
from xml.sax.saxutils import escape

from bench.results import Key, Results
from bench.stage import Bars, Curves, Scenario
from bench.table import number

PANEL, GAP, MARGIN, TOP = 470, 30, 24, 92
BAR, STEP, HEAD = 15, 23, 30  # of bars: height, distance, room for the title
LETTER, VALUES = 7.0, 62  # width of a letter before a bar, room behind it
CURVES = 230  # height of a panel of curves
LEFT, RIGHT, INSET, LEGEND, FOOT = 44, 8, 30, 20, 34  # room around curves

INK, FAINT, RULE = "#1f2933", "#616e7c", "#e4e7eb"
OURS, THEIRS = "#0b7285", "#b8c4ce"
COLOURS = (OURS, "#e8590c", "#5f3dc4", "#2b8a3e", "#868e96")


def draw(scenarios: Sequence[Scenario], results: Results, facts: Mapping[str, str]) -> str:
    """The whole picture, panels of like height side by side."""
    panels = [panel for scenario in scenarios for panel in _panels(scenario, results)]
    height = TOP
    parts = []
    for row in _rows(panels):
        for place, (_, drawn) in enumerate(row):
            x = MARGIN + place * (PANEL + GAP)
            parts.append(f'<g transform="translate({x} {height})">{drawn}</g>')
        height += max(one for one, _ in row) + GAP
    width = 2 * MARGIN + 2 * PANEL + GAP
    told = "Medians; a thin line goes from the lowest to the highest round."
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(MARGIN, 32, "walkwire, measured", size=18, weight=600),
        _text(MARGIN, 52, f"{facts['date']}, commit {facts['commit']}, {facts['processor']}", fill=FAINT),
        _text(MARGIN, 69, f"{facts['run']}; others {facts['others']}. {told}", fill=FAINT),
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def _rows(panels: Sequence[tuple[int, str]]) -> Iterator[Sequence[tuple[int, str]]]:
    for first in range(0, len(panels), 2):
        yield panels[first : first + 2]


def _panels(scenario: Scenario, results: Results) -> Iterator[tuple[int, str]]:
    """The height and the content of each."""
    subjects = [one.name for one in scenario.subjects if one.name in results.figures.get(scenario.name, {})]
    for picture in scenario.pictures if subjects else ():
        if isinstance(picture, Bars):
            keys = {name: Key(scenario.name, name, picture.figure) for name in subjects}
            shown = {name: key for name, key in keys.items() if results.median(key) is not None}
            yield HEAD + STEP * len(shown), "".join(_bars(picture.title, shown, results, _ours(scenario)))
        else:
            yield CURVES, "".join(_curves(scenario.name, picture, subjects, results))


def _ours(scenario: Scenario) -> set[str]:
    """The subjects that are walkwire: all, where there is nobody else."""
    names = {one.name for one in scenario.subjects}
    return {name for name in names if name.startswith("walkwire")} or names


def _bars(title: str, keys: Mapping[str, Key], results: Results, ours: Set[str]) -> Iterator[str]:
    yield _text(0, 14, title, size=14, weight=600)
    left = 12 + LETTER * max(map(len, keys), default=0)
    longest = PANEL - left - VALUES
    finite = [most for key in keys.values() if math.isfinite(most := results.range(key)[1])]
    scale = longest / max(finite, default=1.0)
    for place, (name, key) in enumerate(keys.items()):
        y = HEAD + place * STEP
        value, (low, high) = results.median(key) or 0.0, results.range(key)
        is_ours = name in ours
        length = value * scale if math.isfinite(value) else longest
        end = high * scale if math.isfinite(high) else longest
        yield _text(left - 8, y + 12, name, anchor="end", weight=600 if is_ours else 400)
        yield (
            f'<rect x="{left:.1f}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" rx="2" '
            f'fill="{OURS if is_ours else THEIRS}"/>'
        )
        if math.isfinite(value):
            yield _line(left + low * scale, y + BAR / 2, left + end, y + BAR / 2, INK)
        yield _text(left + max(length, end) + 6, y + 12, number(value))


def _curves(scenario: str, picture: Curves, subjects: Sequence[str], results: Results) -> Iterator[str]:
    found = {
        subject: [
            (at, value)
            for figure, at in picture.at.items()
            if (value := results.median(Key(scenario, subject, figure))) is not None
        ]
        for subject in subjects
    }
    top = _nice(max((value for points in found.values() for _, value in points), default=1.0))
    at = sorted(picture.at.values())
    left, right = math.log(at[0]), math.log(at[-1])
    height = CURVES - HEAD - LEGEND - FOOT

    def x_of(value: float) -> float:
        width = PANEL - LEFT - RIGHT - 2 * INSET
        return LEFT + INSET + (math.log(value) - left) / (right - left) * width

    def y_of(value: float) -> float:
        return HEAD + LEGEND + height * (1 - value / top)

    yield _text(0, 14, picture.title, size=14, weight=600)
    for part in range(5):
        y = y_of(top * part / 4)
        yield _line(LEFT, y, PANEL - RIGHT, y, RULE)
        yield _text(LEFT - 8, y + 4, number(top * part / 4), anchor="end", fill=FAINT)
    for value in at:
        yield _text(x_of(value), CURVES - FOOT + 18, f"{value:,.0f}", anchor="middle", fill=FAINT)
    legend = 0.0
    for place, (subject, points) in enumerate(found.items()):
        colour = COLOURS[place % len(COLOURS)]
        yield _line(legend, HEAD + 4, legend + 16, HEAD + 4, colour, 3)
        yield _text(legend + 22, HEAD + 8, subject, weight=600 if place == 0 else 400)
        legend += 44 + 6.4 * len(subject)
        path = " ".join(f"{x_of(at):.1f},{y_of(value):.1f}" for at, value in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{2.5 if place == 0 else 1.8}"/>'
        for one, value in points:
            yield f'<circle cx="{x_of(one):.1f}" cy="{y_of(value):.1f}" r="3.5" fill="{colour}"/>'
            if place == 0:
                yield _text(
                    x_of(one), y_of(value) - 8, number(value), anchor="middle", fill=colour, weight=600
                )


def _nice(value: float) -> float:
    """The next number up that divides into four well."""
    step = 10 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * factor for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * factor >= value)


def _text(
    x: float,
    y: float,
    text: str,
    size: int = 12,
    weight: int = 400,
    anchor: str = "start",
    fill: str = INK,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{fill}">{escape(text.replace("`", ""))}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
        f'stroke-width="{width}"/>'
    )
