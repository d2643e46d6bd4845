"""Builds the documentation's site into .site/html, and fails at any warning and at any link that leads nowhere.

    python .ci/site.py

The pages of docs/ are copied to .site/pages first, with everything in the repository that they link to. What differs from the
page that a forge shows:

- a `python` example that "The same in Jac:" follows becomes two tabs
- a picture (`*.svg` beside the page) becomes a part of the page, so that it follows the reader's choice of light or dark
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pygments.lexers
import zensical
from pygments.lexers import PythonLexer
from pygments.token import Keyword, Name

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
PAGES = REPOSITORY / ".site" / "pages"
HTML = REPOSITORY / ".site" / "html"
ELSEWHERE = "repository"  # the folder of the site for files outside of docs/

_LINK = re.compile(r"(!?\[(?:[^\]\[]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)
_BOTH = re.compile(
    r"^(```python\b.*?^```\n)\n(?:Or t|T)he same in Jac:\n\n(```jac\b.*?^```\n)", re.MULTILINE | re.DOTALL
)
_PICTURE = re.compile(r"^!\[([^\]]*)\]\(([^)\s]+\.svg)\)$", re.MULTILINE)
_FILES = re.compile(r"^(In the code: .*)$", re.MULTILINE)


class JacLexer(PythonLexer):
    """Colours Jac as Python, with its own keywords."""

    name = "Jac"
    aliases = ("jac",)
    filenames = ("*.jac",)
    WORDS = re.compile(
        r"walker|node|edge|obj|enum|has|can|entry|exit|with|visit|report|spawn|disengage|skip|include|impl|test|glob|root|here"
        r"|visitor|self|by|static|private"
    )

    def get_tokens_unprocessed(self, text: str, stack: Any = ("root",)) -> Iterator[Any]:
        for index, token, value in super().get_tokens_unprocessed(text, stack):
            if token in Name and self.WORDS.fullmatch(value):
                yield index, Keyword, value
            elif value == "`":
                yield index, Name.Decorator, value
            else:
                yield index, token, value


def stage() -> None:
    """Copy the pages, and what they link to, to `PAGES`."""
    shutil.rmtree(PAGES, ignore_errors=True)
    waiting = [path for path in sorted(DOCS.rglob("*")) if path.is_file()]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        target = PAGES / _place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, target)
            continue
        text, linked = _page(path)
        target.write_text(text)
        waiting += [each for each in linked if each not in seen]
        seen.update(linked)


def _place(path: Path) -> Path:
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS)
    return ELSEWHERE / path.relative_to(REPOSITORY)


def _page(path: Path) -> tuple[str, list[Path]]:
    """The text of a page as the site needs it, and the files that it links to."""
    linked: list[Path] = []

    def moved(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        target, hash_, anchor = link.partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match.group()
        file = (path.parent / target).resolve()
        if not file.is_file() or not file.is_relative_to(REPOSITORY):
            sys.exit(f"{path.relative_to(REPOSITORY)} links to {link}, which is no file of the repository")
        linked.append(file)
        return f"{before}{os.path.relpath(_place(file), _place(path).parent)}{hash_}{anchor}{after}"

    parts: list[str] = []
    end = 0
    text = path.read_text()
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(moved, text[end : fence.start()]), fence.group()]
        end = fence.end()
    text = "".join([*parts, _LINK.sub(moved, text[end:])])
    text = _BOTH.sub(lambda match: f"{_tab('Python', match[1])}\n{_tab('Jac', match[2])}", text)
    text = _PICTURE.sub(lambda match: _picture(match, path), text)
    return _FILES.sub(r"\1\n{ .in-the-code }", text), linked


def _tab(title: str, fence: str) -> str:
    indented = "".join(f"    {line}" if line.strip() else line for line in fence.splitlines(keepends=True))
    return f'=== "{title}"\n\n{indented}'


def _picture(match: re.Match[str], page: Path) -> str:
    if ELSEWHERE in match[2]:
        return match.group()
    drawing = (page.parent / match[2]).read_text()
    drawing = re.sub(
        r"\s*<style>.*?</style>", "", drawing, flags=re.DOTALL
    )  # the site's own has these classes
    return f'<figure class="picture" tabindex="0" markdown="0">\n{drawing.strip()}\n</figure>'


class _Links(HTMLParser):
    """What a page of the site refers to, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if name := given.get("id") or (given.get("name") if tag == "a" else None):
            self.anchors.add(name)
        if tag == "a" and (link := given.get("href")):
            self.links.append(link)
        elif link := given.get("src") or (given.get("href") if tag == "link" else None):
            self.loaded.append(link)


def check() -> list[str]:
    """Return what is wrong with the built site, one sentence each: links, anchors, and what a page loads from elsewhere."""
    pages: dict[Path, _Links] = {}
    for file in HTML.rglob("*.html"):
        pages[file] = _Links()
        pages[file].feed(file.read_text())
    wrong = []
    for file, page in pages.items():
        name = file.relative_to(HTML)
        wrong += [f"{name} loads {link}" for link in page.loaded if re.match(r"(?:[a-z]+:)?//", link)]
        for link in page.links + page.loaded:
            if re.match(r"[a-z]+:|//", link) or file.name == "404.html":
                continue
            path, _, anchor = unquote(link).partition("#")
            target = (file.parent / path).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                wrong.append(f"{name} links to {link}, which does not exist")
            elif anchor and target in pages and anchor not in pages[target].anchors | {"__top"}:
                wrong.append(f"{name} links to {link}: the page has no such anchor")
    styles = "\n".join(file.read_text() for file in HTML.rglob("*.css"))
    wrong += [
        f"a style sheet loads {link}" for link in re.findall(r"url\([\"']?(?:https?:)?//[^)]+\)", styles)
    ]
    return wrong


def main() -> None:
    """Build the site, and exit with 1 if anything is wrong."""
    pygments.lexers.LEXERS["JacLexer"] = (__name__, JacLexer.name, JacLexer.aliases, JacLexer.filenames, ())  # type: ignore[attr-defined]
    stage()
    shutil.rmtree(HTML, ignore_errors=True)
    os.chdir(REPOSITORY)
    try:
        zensical.build(str(REPOSITORY / "zensical.toml"), {"clean": True, "strict": True})
    except RuntimeError as error:
        sys.exit(str(error))
    if wrong := check():
        sys.exit("\n".join(wrong))
    print(f"{len(list(HTML.rglob('index.html')))} pages in {HTML.relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
