"""The README and docs/ are kept true: programs are served, tests run, the conversation is held, links lead somewhere.

A fence of `python` or `jac` names its file in its first line (`# main.jac`). What is called `test_….py` is run, beside the
other files of the same page, and `client_….py` against a server; the others are programs. The files of the tutorial are run by
`tests/test_newcomer.py`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import ByteSize

from tests.serving import PATIENCE, Server
from tests.test_house import GROUND, MAY
from walkwire.cli import app
from walkwire.config import Config, Retention
from walkwire.testing import serve

REPOSITORY = Path(__file__).parent.parent
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE = re.compile(r"`((?:walkwire|tests|examples|docs|bench|clients)/[\w./]*\w\.\w+)`")
_A_TIME = 10**12  # Unix milliseconds; any larger number of an example stands for any other
# Ids that a server makes anew: in an example any one stands for any other of its kind.
_MADE = (
    re.compile(r"\d+:[0-9a-f]{32}"),
    re.compile(r"[newo]:\w*:[0-9a-f]{24}"),
    re.compile(r"Internal error, reference [0-9a-f]{8}"),
)


class Fence(NamedTuple):
    """An example: its page, language and text, and the line at which it begins."""

    page: Path
    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        match = re.match(r"# ([\w]+\.(?:py|jac))$", self.text.partition("\n")[0])
        return match.group(1) if match else None


@cache  # each worker of pytest-xdist collects all tests
def fences_of(page: Path) -> list[Fence]:
    text = page.read_text()
    return [
        Fence(page, match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]


def fences(*languages: str) -> list[Fence]:
    return [fence for page in PAGES for fence in fences_of(page) if fence.language in languages]


def name_of(thing: Fence | Path) -> str:
    page = thing if isinstance(thing, Path) else thing.page
    name = str(page.relative_to(DOCS)) if page.is_relative_to(DOCS) else page.name
    return name if isinstance(thing, Path) else f"{name}:{thing.line}"


def scripts() -> list[Fence]:
    return [fence for fence in fences("python") if (fence.file or "").startswith("client_")]


@pytest.mark.parametrize("fence", scripts(), ids=name_of)
async def test_a_script_of_a_client_runs(fence: Fence, tmp_path: Path) -> None:
    """The server is one that serves the seed's program, and TOKEN that of a user."""
    script = tmp_path / str(fence.file)
    with Server(REPOSITORY / "examples" / "chat", tmp_path) as server:
        text = fence.text.replace("ws://localhost:8000/websocket", server.socket_url)
        script.write_text(text.replace("TOKEN", (await server.user()).token))
        command = [sys.executable, "-W", "error", script]
        done = await asyncio.to_thread(
            subprocess.run, command, check=False, capture_output=True, text=True, timeout=PATIENCE
        )
    assert (done.returncode, done.stderr) == (0, "")


def examples() -> list[Fence]:
    """All programs and tests, but for what only a newcomer does (`tests/test_newcomer.py`)."""
    by_clients = scripts()
    given = [fence for fence in fences("python", "jac") if fence not in by_clients]
    return [
        each for each in given if each.page.parent.name != "tutorial" or (each.file or "").startswith("main")
    ]


@pytest.mark.parametrize("fence", examples(), ids=name_of)
async def test_an_example_runs(fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fence.file, "the first line of an example names its file"
    for other in fences_of(fence.page):
        if other.file:
            (tmp_path / other.file).write_text(other.text)
            monkeypatch.delitem(
                sys.modules, Path(other.file).stem, raising=False
            )  # of another page, or of before
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    if not fence.file.startswith("test_"):
        async with serve(tmp_path / fence.file):
            return
    names: dict[str, Any] = {}
    exec(compile(fence.text, tmp_path / fence.file, "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        result = test()
        if inspect.isawaitable(result):
            await result


@pytest.mark.parametrize("fence", fences("conversation"), ids=name_of)
async def test_a_conversation_goes_as_written(fence: Fence) -> None:
    """`>` is what the client says, `<` what it hears next. It is a user who talks to the seed's program."""
    async with serve(REPOSITORY / "examples" / "chat") as app:
        ada = await app.user("ada@example.com")
        async with ada.socket("lobby") as socket:
            own: dict[str, str] = {}
            for line in fence.text.splitlines():
                said, text = line[:1], line[2:]
                for written, real in own.items():
                    text = text.replace(written, real)
                if said == ">":
                    await socket.send(text.replace("TOKEN", str(ada.token)))
                elif said == "<":
                    heard = await socket.receive()
                    assert _is_like(json.loads(text), heard), f"{text}\nis not like\n{json.dumps(heard)}"
                    own |= _ids(json.loads(line[2:]), heard)
            assert await socket.quiet() == []


@pytest.mark.parametrize("fence", fences("conversation2"), ids=name_of)
async def test_a_conversation_of_version_2_goes_as_written(fence: Fence) -> None:
    """The same, where the client speaks first. SESSION and AT stand for any text, and a time for any other."""
    async with serve(REPOSITORY / "examples" / "chat") as app:
        ada = await app.user("ada@example.com")
        async with ada.socket(version=2) as socket:
            for line in fence.text.splitlines():
                said, text = line[:1], line[2:]
                if said == ">":
                    await socket.send(text.replace("TOKEN", str(ada.token)))
                else:
                    heard = await socket.receive()
                    assert _is_like(json.loads(text), heard), f"{text}\nis not like\n{json.dumps(heard)}"
            assert await socket.quiet() == []


@pytest.mark.parametrize("fence", fences("json"), ids=name_of)
def test_an_example_of_json_is_json(fence: Fence) -> None:
    for line in fence.text.splitlines():
        json.loads(line)


@pytest.mark.parametrize("fence", fences("toml"), ids=name_of)
def test_an_example_of_settings_is_taken(fence: Fence) -> None:
    Config(**tomllib.loads(fence.text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(_without_fences(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_file_that_is_named_exists(page: Path) -> None:
    for path in _FILE.findall(_without_fences(page)):
        assert (REPOSITORY / path).exists(), f"{page.name} names {path}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_a_page_ends_with_the_files_that_implement_it(page: Path) -> None:
    last = page.read_text().rstrip().rpartition("\n\n")[2]
    assert last.startswith("In the code: "), f"{page.name} does not name its files"
    assert _FILE.findall(last)


def test_each_page_can_be_found_from_the_readme() -> None:
    linked = set(_LINK.findall((REPOSITORY / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} <= linked


def test_each_example_is_on_the_page_of_examples() -> None:
    page = (DOCS / "examples.md").read_text()
    folders = [each.parent.name for each in (REPOSITORY / "examples").glob("*/README.md")]
    assert [name for name in folders if f"examples/{name}" not in page] == []


def test_each_page_is_in_the_navigation_of_the_site_once() -> None:
    def pages(item: Any) -> Iterator[str]:
        for each in item if isinstance(item, list) else item.values():
            yield from [each] if isinstance(each, str) else pages(each)

    navigation = tomllib.loads((REPOSITORY / "zensical.toml").read_text())["project"]["nav"]
    assert sorted(pages(navigation)) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def test_the_import_table_of_the_house_is_the_one_that_is_kept() -> None:
    text = (DOCS / "house.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    listed = {room: set(re.findall(r"`(\w+)`", imports)) for room, imports in rows}
    house = REPOSITORY / "walkwire"
    below_the_porch = (
        {room for room in MAY if (house / room).is_dir()}
        | GROUND
        | {"ending", "addresses", "urls", "terminal", "store", "broker", "history", "__init__"}
    )
    assert listed == {room: MAY[room] for room in below_the_porch}


def test_the_settings_page_lists_every_setting_with_its_default() -> None:
    text = (REPOSITORY / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", text, re.MULTILINE))
    assert {key.lower() for key in rows} == set(Config.model_fields)
    for key, default in Config():
        assert rows[key.upper()].strip("`") in _spellings(default), f"{key}: {default!r}"


def test_the_page_of_limits_has_the_defaults() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| `([A-Z_]+)` \| `(\w+)` \| `(\w+)` \|", (DOCS / "limits.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 30
    development, production = dict(Config()), dict(Config(production=True))
    for key, *written in rows:
        assert written[0] in _spellings(development[key.lower()]), key
        assert written[1] in _spellings(production[key.lower()]), key


def test_the_figures_beside_websocket_servers_are_those_of_the_results() -> None:
    section = (DOCS / "comparison.md").read_text().partition("## Measured beside WebSocket servers")[2]
    rows = [line for line in section.splitlines() if re.search(r"\d,\d{3} \|$", line)]
    figures = [figure for row in rows for figure in row.split("|")[2:-1]]
    results = (REPOSITORY / "bench" / "results" / "latest.md").read_text()
    assert len(figures) == 24
    assert [figure for figure in figures if f"|{figure}|" not in results] == []


def test_the_commands_page_lists_every_command() -> None:
    listed = re.findall(r"^\| `walkwire (\w+)", (DOCS / "commands.md").read_text(), re.MULTILINE)
    assert set(listed) == set(app.commands)


def test_each_command_of_make_that_is_told_of_exists() -> None:
    commands = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"(?<!can )make ([a-z]+)(?=[`\s])", _code_of(page))) <= commands, page.name


def _without_fences(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def _code_of(page: Path) -> str:
    text = page.read_text()
    spans = re.findall(r"`[^`\n]+`", _without_fences(page))
    return "\n".join([*(match.group(2) for match in _FENCE.finditer(text)), *spans])


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge makes of headings: lower case, no punctuation, dashes for blanks."""
    titles = _HEADING.findall(_without_fences(page))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _spellings(default: Any) -> set[str]:
    """How a default may be written."""
    if isinstance(default, bool):
        return {str(default).lower()}
    if isinstance(default, int) and default and default % (1024 * 1024) == 0:
        return {f"{default // (1024 * 1024)}MiB", str(int(default))}
    if isinstance(default, ByteSize) and default:
        return {f"{default // 1024}KiB"}
    if default in (None, (), {}):
        return {"none"}
    if isinstance(default, Retention):
        return {f"recent {default.most} {default.seconds / 60:g}m"}
    if isinstance(default, tuple):
        return {", ".join(default)}
    return {f"{default:g}" if isinstance(default, float) else str(default)}


def _is_like(written: Any, heard: Any) -> bool:
    if isinstance(written, dict) and isinstance(heard, dict):
        return written.keys() == heard.keys() and all(_is_like(written[key], heard[key]) for key in written)
    if isinstance(written, list) and isinstance(heard, list):
        return len(written) == len(heard) and all(map(_is_like, written, heard))
    if isinstance(written, str) and isinstance(heard, str):
        return written in ("SESSION", "AT", heard) or any(
            made.fullmatch(written) and made.fullmatch(heard) for made in _MADE
        )
    return bool(written == heard) or (type(written) is type(heard) is int and written > _A_TIME)


def _ids(written: Any, heard: Any) -> dict[str, str]:
    """Which real id each id of the example stands for."""
    if isinstance(written, dict):
        return {k: v for key in written for k, v in _ids(written[key], heard[key]).items()}
    if isinstance(written, list):
        return {k: v for one, other in zip(written, heard, strict=True) for k, v in _ids(one, other).items()}
    is_made = isinstance(written, str) and any(made.fullmatch(written) for made in _MADE)
    return {written: heard} if is_made else {}
