"""Autobahn|Testsuite against walkwire's gateway: `make autobahn`. Its summary goes into `bench/results/autobahn.md`.

The suite needs Python 2.7, which pyenv may have; it is installed into `.autobahn/` of this repository.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.server.socket.echo import serving

ROOT = Path(__file__).parent.parent
SUITE = ROOT / ".autobahn"
VERSION = "25.10.1"
START = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"
SECTIONS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragments",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits",
    "10": "automatic fragmentation",
    "12": "compression",
    "13": "compression, by parameters",
}
PASSED = {"OK", "INFORMATIONAL", "NON-STRICT"}  # as the suite itself counts


def main() -> int:
    """Install what is missing, run all cases (or those of the arguments, `5.*`), write the summary."""
    python = _python()
    if python is None:
        print(
            "Autobahn|Testsuite needs Python 2.7, and there is none here (`pyenv install 2.7.18` makes one)."
        )
        return 2
    _install(python)
    cases = sys.argv[1:] or ["*"]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_run(python, Path(folder), cases))
        found = json.loads((Path(folder) / "index.json").read_text())["walkwire"]
    page = _summary(found)
    print(page)
    if cases == ["*"]:
        (ROOT / "bench" / "results" / "autobahn.md").write_text(page)
    return 0 if all(_is_passed(case) for case in found.values()) else 1


def _python() -> str | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    made = [str(path) for path in sorted(versions.glob("2.7*/bin/python2.7"))]
    return made[-1] if made else shutil.which("python2.7")


def _install(python: str) -> None:
    if (SUITE / "autobahntestsuite").is_dir():
        return
    what = f"autobahntestsuite=={VERSION}"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--target", str(SUITE), what], check=True)


async def _run(python: str, folder: Path, cases: list[str]) -> None:
    async with serving(compresses=True) as port:
        server = {"agent": "walkwire", "url": f"ws://127.0.0.1:{port}/websocket"}
        spec = {"outdir": str(folder), "servers": [server], "cases": cases, "exclude-cases": []}
        (folder / "spec.json").write_text(json.dumps(spec | {"exclude-agent-cases": {}}))
        command = ["-c", START, str(SUITE), "-m", "fuzzingclient", "-s", str(folder / "spec.json")]
        suite = await asyncio.create_subprocess_exec(python, *command, cwd=folder)
        if await suite.wait():
            raise SystemExit("The suite failed")


def _is_passed(case: dict[str, str]) -> bool:
    return {case["behavior"], case["behaviorClose"]} <= PASSED


def _summary(found: dict[str, dict[str, str]]) -> str:
    sections: dict[str, Counter[str]] = defaultdict(Counter)
    for name, case in found.items():
        sections[name.partition(".")[0]][case["behavior"]] += 1
    passed = sum(map(_is_passed, found.values()))
    lines = [
        "# Autobahn|Testsuite",
        "",
        f"{passed} of {len(found)} cases passed. walkwire {version('walkwire')}, websockets {version('websockets')}, "
        f"suite {VERSION}, {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| section | OK | non-strict | informational | failed |",
        "|---|---:|---:|---:|---:|",
    ]
    for section, counts in sorted(sections.items(), key=lambda item: int(item[0])):
        failed = counts.total() - sum(counts[word] for word in PASSED)
        lines.append(
            f"| {section} {SECTIONS.get(section, '')} | {counts['OK']} | {counts['NON-STRICT']} "
            f"| {counts['INFORMATIONAL']} | {failed} |"
        )
    odd = [f"{name}: {case['behavior']}, close {case['behaviorClose']}" for name, case in found.items()]
    strict = [line for line in odd if "OK, close OK" not in line and "INFORMATIONAL" not in line]
    return "\n".join([*lines, "", *(f"- {line}" for line in strict)]).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
