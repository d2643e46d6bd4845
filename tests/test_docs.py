"""The README and docs/ are kept true: programs are served, tests run, the conversation is held, links lead somewhere.

A fence of `python` or `jac` names its file in its first line (`# main.jac`). What is called `test_….py` is run, beside the
other files of the same page; the others are programs.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from tests.test_house import GROUND, MAY
from walkwire.cli import app
from walkwire.config import Config
from walkwire.testing import serve

REPOSITORY = Path(__file__).parent.parent
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE = re.compile(r"`((?:walkwire|tests|examples|docs|bench)/[\w./]*\w\.\w+)`")
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


def fences_of(page: Path) -> Iterator[Fence]:
    text = page.read_text()
    for match in _FENCE.finditer(text):
        yield Fence(page, match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1)


def fences(*languages: str) -> list[Fence]:
    return [fence for page in PAGES for fence in fences_of(page) if fence.language in languages]


def name_of(thing: Fence | Path) -> str:
    page = thing if isinstance(thing, Path) else thing.page
    return page.name if isinstance(thing, Path) else f"{page.name}:{thing.line}"


@pytest.mark.parametrize("fence", fences("python", "jac"), ids=name_of)
async def test_an_example_runs(fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fence.file, "the first line of an example names its file"
    for other in fences_of(fence.page):
        if other.file:
            (tmp_path / other.file).write_text(other.text)
    monkeypatch.chdir(tmp_path)
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


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs").glob("*.md")), ids=name_of)
def test_a_page_ends_with_the_files_that_implement_it(page: Path) -> None:
    last = page.read_text().rstrip().rpartition("\n\n")[2]
    assert last.startswith("In the code: "), f"{page.name} does not name its files"
    assert _FILE.findall(last)


def test_each_page_can_be_found_from_the_readme() -> None:
    linked = set(_LINK.findall((REPOSITORY / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in (REPOSITORY / "docs").glob("*.md")} <= linked


def test_the_import_table_of_the_house_is_the_one_that_is_kept() -> None:
    text = (REPOSITORY / "docs" / "house.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    listed = {room: set(re.findall(r"`(\w+)`", imports)) for room, imports in rows}
    house = REPOSITORY / "walkwire"
    below_the_porch = (
        {room for room in MAY if (house / room).is_dir()}
        | GROUND
        | {"addresses", "urls", "store", "broker", "__init__"}
    )
    assert listed == {room: MAY[room] for room in below_the_porch}


def test_the_settings_page_lists_every_setting_with_its_default() -> None:
    text = (REPOSITORY / "docs" / "configuration.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", text, re.MULTILINE))
    assert {key.lower() for key in rows} == set(Config.model_fields)
    for key, default in Config().model_dump().items():
        assert rows[key.upper()].strip("`") in _spellings(default), f"{key}: {default!r}"


def test_the_commands_page_lists_every_command() -> None:
    listed = re.findall(
        r"^\| `walkwire (\w+)", (REPOSITORY / "docs" / "commands.md").read_text(), re.MULTILINE
    )
    assert set(listed) == set(get_command(app).commands)  # type: ignore[attr-defined]


def test_each_command_of_make_that_is_told_of_exists() -> None:
    commands = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`?make ([a-z]+)(?=[`\s])", _code_of(page))) <= commands, page.name


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
        return {f"{default // (1024 * 1024)}MiB"}
    if default in (None, (), {}):
        return {"none"}
    if isinstance(default, tuple):
        return {", ".join(default)}
    return {f"{default:g}" if isinstance(default, float) else str(default)}


def _is_like(written: Any, heard: Any) -> bool:
    if isinstance(written, dict) and isinstance(heard, dict):
        return written.keys() == heard.keys() and all(_is_like(written[key], heard[key]) for key in written)
    if isinstance(written, list) and isinstance(heard, list):
        return len(written) == len(heard) and all(map(_is_like, written, heard))
    if isinstance(written, str) and isinstance(heard, str):
        return written == heard or any(made.fullmatch(written) and made.fullmatch(heard) for made in _MADE)
    return bool(written == heard)


def _ids(written: Any, heard: Any) -> dict[str, str]:
    """Which real id each id of the example stands for."""
    if isinstance(written, dict):
        return {k: v for key in written for k, v in _ids(written[key], heard[key]).items()}
    if isinstance(written, list):
        return {k: v for one, other in zip(written, heard, strict=True) for k, v in _ids(one, other).items()}
    is_made = isinstance(written, str) and any(made.fullmatch(written) for made in _MADE)
    return {written: heard} if is_made else {}
