"""The corpus: each program in programs/ prints what stands in the .out file beside it.

Its first lines say in which eras it prints so (`# eras: 0.8 0.9`), and which lines of LINES it shows (`# covers: report, del`).
What is printed was seen at Jac's own releases; only generous.jac is taken by none of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(file for file in FOLDER.rglob("*.jac") if file.with_suffix(".out").exists())

# What the language is, each with the eras that have it (7 is 0.7): all three where none is said.
LINES = """
function: 7 8 9 | ability | inheritance | constructor hooks | Python import | Jac import | include | body elsewhere | lambda
typed connect | typed reference | undirected typed | edges | walker in a node | visit edges: 8 9 | globals
ignore: 7 8 | check: 7 8 | assert: 8 9 | del | report | f-string format: 8 9 | loop else: 8 9 | positional-only: 8 9
spawn on a list: 8 9 | switch: 9 | async: 8 9 | flow and wait: 8 9 | sem: 8 9 | let | Root trigger: 7
fields | walker state | spawn | connect gives a list | connect chains | connect many | connect both ways | cut
type filter | filter | filter of a list | assign | visit in a walker | visit else | visit nodes | visit place | queue
order | untyped | disengage | skip | return | derived node | derived walker | triggers
repr | own defaults | identity | postinit field | class | super | static | abstract | access | keyword names
field of a type reference | forward | loops | branches | try | assignment | tuples | walrus | words of logic | empty block
comprehensions | with | pipes | match | dotted case: 8 9 | enum | glob | entries | main entry | tests do not run
comments | docstring | inline python | annexes | f-string | strings | numbers | null-safe | jid and jobj | allroots: 8 9
permissions | references | save and destroy
"""


def said(file: Path, what: str) -> list[str]:
    """What stands behind `# what:` among the first lines of a program."""
    found = re.search(rf"^# {what}: (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return re.split(", " if what == "covers" else " ", found.group(1)) if found else []


def runs() -> list[tuple[Path, str | None]]:
    """Each program as it is, and in every era that it names."""
    return [(file, era) for file in PROGRAMS for era in (None, *said(file, "eras"))]


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(
    ("file", "era"), runs(), ids=lambda one: one.stem if isinstance(one, Path) else one or "as it is"
)
def test_a_program_prints_what_it_always_printed(
    run: Callable[..., str], file: Path, era: str | None
) -> None:
    assert run(file, era) == file.with_suffix(".out").read_text(encoding="utf-8")


def test_every_line_of_the_language_is_shown_in_each_era_that_has_it() -> None:
    listed = dict(line.partition(":")[::2] for line in re.split(r" \| |\n", LINES.strip()))
    wanted = {(line, era) for line, eras in listed.items() for era in (eras.split() or ["7", "8", "9"])}
    shown = {
        (line, era[2]) for file in PROGRAMS for line in said(file, "covers") for era in said(file, "eras")
    }
    assert {line for line, _ in shown} - set(listed) == set()
    assert sorted(wanted - shown) == []
