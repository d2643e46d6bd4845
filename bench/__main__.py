"""`python -m bench`: the scenarios, round by round, server beside server, then the table into `bench/results/`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import chart, machine
from bench.process import ROOT
from bench.results import Results
from bench.scenarios import (
    calm,
    growth,
    make,
    nothing,
    postgres,
    recovery,
    siege,
    size,
    sockets,
    streams,
    trouble,
)
from bench.stage import ALL, Scenario, Stage, Subject
from bench.table import markdown

_FOLDER = ROOT / "bench" / "results"


def main() -> None:
    """Read the arguments, measure, write."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    known = scenarios()
    arguments = _arguments(known)
    asked = arguments.only or [ALL]
    wanted = [one for one in known if one.name in asked or one.group in asked]
    seconds = 0.4 if arguments.quick else arguments.seconds
    rounds = 1 if arguments.quick else arguments.rounds
    facts = machine.describe()
    began, load_before = time.perf_counter(), machine.load_average()
    results = _measure(wanted, rounds, seconds)
    middle, most = results.busy()
    facts |= {
        "others": f"took {middle:.0%} of the machine (median), {most:.0%} at most",
        "run": f"{rounds} rounds of {seconds:g} s each, {time.perf_counter() - began:.0f} s in all",
        "load average": f"{load_before:.2f} before, {machine.load_average():.2f} after",
    }
    if results.skipped:
        facts["not installed"] = ", ".join(f"{name} ({need})" for name, need in results.skipped.items())
    print("\n" + markdown(wanted, results, facts))
    name = arguments.name or (asked[0] if len(asked) == 1 and asked[0] in _groups(known) else None)
    if name and not arguments.quick:
        _write(wanted, results, facts, name)


def scenarios() -> list[Scenario]:
    """All that can be measured."""
    return [
        sockets.fan_out(),
        sockets.echo(),
        sockets.arrivals(),
        sockets.tell(),
        streams.told(),
        streams.resumed(),
        streams.kept(),
        recovery.told(),
        recovery.resumed(),
        nothing.scenario(),
        make.scenario(),
        postgres.read_ten(),
        postgres.make_one(),
        size.scenario(),
        calm.start(),
        trouble.stalled(),
        trouble.given_up(),
        trouble.beside_walks(),
        calm.idle(),
        growth.sockets(),
        growth.channels(),
        growth.memory(),
        growth.hold(),
        growth.churn(),
        siege.scenario(),
    ]


def _groups(known: Sequence[Scenario]) -> list[str]:
    return list(dict.fromkeys(scenario.group for scenario in known))


def _arguments(known: Sequence[Scenario]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = [*_groups(known), *(scenario.name for scenario in known)]
    parser.add_argument("--only", action="append", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.8, help="of one measurement")
    parser.add_argument("--quick", action="store_true", help="one round of 0.4 s each; nothing is written")
    parser.add_argument(
        "--name", help="of the files in bench/results/; else nothing is written of single scenarios"
    )
    return parser.parse_args()


def _measure(wanted: Sequence[Scenario], rounds: int, seconds: float) -> Results:
    results = Results()
    for number in range(rounds):
        for scenario in wanted:
            if number < (scenario.rounds or rounds):
                _round(scenario, number, seconds, results)
    return results


def _round(scenario: Scenario, number: int, seconds: float, results: Results) -> None:
    """Each round begins with another subject."""
    subjects = [subject for subject in scenario.subjects if _is_here(subject, results)]
    start = number % len(subjects) if subjects else 0
    order = subjects[start:] + subjects[:start]
    with ThreadPoolExecutor(len(order) if scenario.together else 1) as pool:
        for line in pool.map(lambda subject: _one(scenario, subject, seconds, results), order):
            print(f"{number + 1}  {scenario.name:10} {line}", flush=True)


def _is_here(subject: Subject, results: Results) -> bool:
    if subject.missing is not None:
        results.skipped[subject.name] = subject.missing
    return subject.missing is None


def _one(scenario: Scenario, subject: Subject, seconds: float, results: Results) -> str:
    stage = Stage(seconds)
    try:
        figures = subject.measure(stage)
    except Exception as error:  # whatever it is: the other rows are worth having
        told = (str(error).strip() or repr(error)).splitlines()[-1]
        results.faults.setdefault(scenario.name, {})[subject.name] = told
        return f"{subject.name}: failed: {told}"
    results.add(scenario.name, subject.name, figures, stage.windows)
    return f"{subject.name}: " + ", ".join(f"{name} {value:,.4g}" for name, value in figures.items())


def _write(shown: Sequence[Scenario], results: Results, facts: dict[str, str], name: str) -> None:
    _FOLDER.mkdir(exist_ok=True)
    path: Path = _FOLDER / name
    picture = chart.draw(shown, results, facts)
    path.with_suffix(".svg").write_text(picture)
    path.with_suffix(".md").write_text(markdown(shown, results, facts, f"{name}.svg"))
    text = json.dumps({"facts": facts, **results.as_json()}, indent=1, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n")
    print(f"Written to {path.relative_to(ROOT)}.md, .svg and .json")


if __name__ == "__main__":
    main()
