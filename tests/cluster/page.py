"""Page: what `tests.cluster.figures` has found, where and with what, and how it is written down."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench import machine
from bench.load.window import machine_seconds
from bench.table import number

Row = dict[str, str]

_VERSIONS = {
    "PostgreSQL": ("psql", "--version"),
    "Redis": ("redis-server", "--version"),
    "NATS": ("nats-server", "--version"),
}


@dataclass
class Page:
    """What was found, as it will be written. `verdicts` are the promises, and whether they were kept."""

    seconds: float
    is_quick: bool
    parts: list[str] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    def table(self, title: str, rows: Sequence[Row], notes: str = "") -> None:
        names = list(rows[0])
        lines = [
            names,
            ["---", *["---:"] * (len(names) - 1)],
            *([row[name] for name in names] for row in rows),
        ]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        self.parts.append(f"## {title}\n\n{text}\n" + (f"\n{notes}\n" if notes else ""))
        print("\n" + self.parts[-1], flush=True)

    def judge(self, what: str, value: float, bound: float, unit: str, at_most: bool = True) -> None:
        is_kept = value <= bound if at_most else value >= bound
        sign = "≤" if at_most else "≥"
        verdict = "kept" if is_kept else "**broken**"
        self.verdicts.append(
            f"| {what} | {sign} {number(bound)} {unit} | {number(value)} {unit} | {verdict} |"
        )

    def written(self, facts: Mapping[str, str]) -> str:
        """All of it, as Markdown."""
        promises = "| what | promised | found | |\n| --- | ---: | ---: | --- |\n" + "\n".join(self.verdicts)
        told = "\n".join(f"- {name}: {value}" for name, value in facts.items())
        head = f"# Many servers\n\nMade by `python -m tests.cluster.figures`.\n\n{told}\n\n## Promises\n\n{promises}"
        return "\n\n".join([head, *(part.strip() for part in self.parts)]) + "\n"


def described() -> dict[str, str]:
    """The machine, and the versions of all that takes part."""
    facts = machine.describe()
    facts["versions"] += "".join(f", {name} {_version(command)}" for name, command in _VERSIONS.items())
    return facts


def busy_now() -> float:
    """The part of the machine that others take while nothing is measured."""
    before = machine_seconds()
    time.sleep(2)
    return min(1.0, (machine_seconds() - before) / 2 / (os.cpu_count() or 1))


def _version(command: Sequence[str]) -> str:
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin") or command[0]
    said = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else "?"
