"""`walkwire completion`: what bash, zsh and fish complete. A shell that this machine has not is skipped."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.serving import PATIENCE
from walkwire.cli import app

# The scripts ask the command itself what there is.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@pytest.fixture(scope="module")
def script() -> str:
    return CliRunner().invoke(app, ["completion", "bash"]).stdout


def completed(script: str, *words: str) -> set[str]:
    line = " ".join(shlex.quote(word) for word in ("walkwire", *words))
    asked = (
        f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _walkwire_completion walkwire;"
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", asked], env={"PATH": PATH}, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_commands_and_their_own_commands_are_completed(script: str) -> None:
    assert completed(script, "") == set(app.commands)
    assert completed(script, "se") == {"serve"}
    assert completed(script, "users", "") == set(app.commands["users"].commands)  # type: ignore[attr-defined]


def test_options_are_those_of_the_command(script: str) -> None:
    assert completed(script, "graph", "export", "--d") == {"--database"}
    assert "--drain-seconds" in completed(script, "serve", "main.py", "--host", "x", "--")
    assert "--drain-seconds" not in completed(script, "run", "--")


# In zsh a key is bound to what shows the line, as completions are made in its editor only.
ZSH = """PROMPT= RPROMPT=; unsetopt prompt_cr prompt_sp
autoload -Uz compinit; compinit -u -D; source walkwire.zsh
show() { print -r -- "<<$BUFFER>>"; BUFFER= }; zle -N show; bindkey '^X' show; print READ''Y
"""


def fish_completes(folder: Path, line: str) -> set[str]:
    asked = f"source walkwire.fish; complete -C {shlex.quote(line)}"
    done = subprocess.run(
        ["fish", "--no-config", "-c", asked],
        cwd=folder,
        env={"PATH": PATH, "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {found.partition("\t")[0] for found in done.stdout.splitlines()}


def zsh_completes(folder: Path, *lines: str) -> list[str]:
    """Each line after the key Tab."""
    ours, theirs = pty.openpty()
    environment = {"PATH": PATH, "HOME": str(folder), "TERM": "dumb"}
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)

    def say(text: str, end: bytes) -> str:
        os.write(ours, text.encode())
        heard = b""
        while end not in heard:
            assert select.select([ours], [], [], PATIENCE)[0], heard
            heard += os.read(ours, 65536)
        return heard.decode()

    try:
        say(ZSH, b"READY")
        return [say(f"{line}\t\x18", b">>").rpartition("<<")[2].partition(">>")[0] for line in lines]
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A folder with the scripts for zsh and fish."""
    for shell in ("zsh", "fish"):
        script = CliRunner().invoke(app, ["completion", shell]).stdout
        (tmp_path / f"walkwire.{shell}").write_text(script)
    return tmp_path


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not on this machine")
def test_fish_completes_commands_and_their_options(scripts: Path) -> None:
    assert fish_completes(scripts, "walkwire ") == set(app.commands)
    assert fish_completes(scripts, "walkwire users set") == {"set-password"}
    assert fish_completes(scripts, "walkwire graph export --d") == {"--database"}
    assert fish_completes(scripts, "walkwire serve main.py --drain") == {"--drain-seconds"}
    assert fish_completes(scripts, "walkwire run --drain") == set()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not on this machine")
def test_zsh_completes_commands_and_their_options(scripts: Path) -> None:
    begun = [
        "se",
        "users set-p",
        "graph ex",
        "graph export --datab",
        "serve main.py --drain-s",
        "run --drain-s",
    ]
    whole = ["serve ", "users set-password ", "graph export ", "graph export --database "]
    whole += ["serve main.py --drain-seconds ", "run --drain-s"]
    completed = zsh_completes(scripts, *(f"walkwire {line}" for line in begun))
    assert completed == [f"walkwire {line}" for line in whole]
