"""A warm start is a start: arguments, folder, environment, output, signals and exit code are those of its own process."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import warm

pytestmark = pytest.mark.skipif(not warm.IS_POSSIBLE, reason="needs Linux")

TELLS = """
import os, random, signal, sys
print(os.getcwd(), sorted(os.environ), random.random(), signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(sorted(os.listdir("/proc/self/fd")), file=sys.stderr)
"""
WAITS = "import time\nprint('waits', flush=True)\ntime.sleep(60)\n"


@contextmanager
def program(text: str, folder: Path) -> Iterator[warm.Process]:
    name = f"{secrets.token_hex(4)}.py"
    (folder / name).write_text(text)
    with (folder / "errors").open("a") as errors:
        process = warm.start(["run", name], folder=folder, environment={"MARK": "1"}, stderr=errors)
    assert process.stdout is not None
    with process.stdout:
        yield process
        process.kill()
        process.wait()


def test_what_is_started_has_nothing_of_the_process_that_it_is_forked_from(tmp_path: Path) -> None:
    with program(WAITS, tmp_path), program(TELLS, tmp_path) as one, program(TELLS, tmp_path) as other:
        said = [process.stdout.read().split("]") for process in (one, other) if process.stdout]
        assert [one.wait(30), other.wait(10)] == [0, 0]
    assert said[0] != said[1], "each has random numbers of its own"
    for place, rest in said:
        assert place == f"{tmp_path} ['MARK'"
        assert rest.endswith(" True\n")
    files = (tmp_path / "errors").read_text().splitlines()
    assert files == ["['0', '1', '2', '3']"] * 2, "3 lists the others"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_by_signals_and_its_exit_code_is_that_of_popen(
    number: signal.Signals, tmp_path: Path
) -> None:
    with program(WAITS, tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait(30) == -number
        assert process.poll() == -number
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)
        process.send_signal(number)


def test_an_exit_code_is_handed_on(tmp_path: Path) -> None:
    with program("raise SystemExit(7)", tmp_path) as process:
        assert process.wait(30) == 7
