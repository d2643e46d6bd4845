"""`python -m tests.fuzz TARGET… --seconds N`: coverage-guided fuzzing with atheris, of all targets if none is named.

Inputs that reach new code are kept in `.fuzz/TARGET/`, those that find something in `.fuzz/found/`. `--keep` adds some of the
former to the corpus of the repository. Several targets run two at a time, and a table tells how many inputs each had.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.targets import TARGETS, Target

WORK = Path(".fuzz")
FOUND = WORK / "found"
AT_ONCE = 2
SLOWEST = 30  # seconds for one input, after which it counts as found
MEMORY = 2048  # MiB
KEPT = 40  # inputs, of each target
LARGEST = 1000  # bytes of such an input


def main() -> int:
    """Run what the command line asks for. Returns the exit code: 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS], default=[])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="add some of what reached new code to the corpus")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    chosen = [TARGETS[name] for name in asked.targets or TARGETS]
    FOUND.mkdir(parents=True, exist_ok=True)
    for target in chosen:
        (WORK / target.name).mkdir(exist_ok=True)
    if asked.inside:
        fuzz(chosen[0], asked.seconds)
    if asked.keep:
        for target in chosen:
            _keep(target)
        return 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(lambda target: _run(target, asked.seconds), chosen))
    return max(results)


def fuzz(target: Target, seconds: int) -> None:
    """Fuzz one target in this process, which ends."""
    import atheris

    with atheris.instrument_imports(include=[*target.instrumented]):
        check, words = target.load()
    dictionary = WORK / f"{target.name}.dict"
    dictionary.write_text("".join(map(_entry, words)))
    options = {
        "max_total_time": seconds,
        "max_len": target.length,
        "timeout": SLOWEST,
        "rss_limit_mb": MEMORY,
        "dict": dictionary,
        "artifact_prefix": f"{FOUND}/{target.name}-",
        "print_final_stats": 1,
        "reload": 0,
    }
    folders = [WORK / target.name, target.corpus, *target.more]
    atheris.Setup(
        [sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), *map(str, folders)], check
    )
    atheris.Fuzz()


def _entry(word: bytes) -> str:
    """Return a line of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def _run(target: Target, seconds: int) -> int:
    command = [sys.executable, "-m", "tests.fuzz", target.name, "--inside", "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    log = WORK / f"{target.name}.log"
    log.write_text(done.stdout + done.stderr)
    count = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    inputs = int(count[1]) if count else 0
    outcome = "nothing found" if done.returncode == 0 else f"FOUND SOMETHING, see {log}"
    print(f"{target.name:8} {inputs:>12,} inputs {inputs / seconds:>10,.0f} a second   {outcome}", flush=True)
    return 0 if done.returncode == 0 else 1


def _keep(target: Target) -> None:
    """Copy some inputs of every size into the corpus. Each reached what those before it did not."""
    new = [path for path in (WORK / target.name).iterdir() if path.stat().st_size <= LARGEST]
    new.sort(key=lambda path: (path.stat().st_size, path.name))
    for path in new[:: len(new) // KEPT + 1]:
        (target.corpus / path.name[:12]).write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
