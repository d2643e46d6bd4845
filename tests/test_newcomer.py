"""What a newcomer reads works as printed: each command of the pages, from a fresh clone, in shells in which nothing is set.

Only ports and the name of the database are others than on the pages: other tests run beside these.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from tests import databases
from tests.brokers.service import free_port, missing, url_of
from tests.newcomer import Newcomer
from tests.serving import REPOSITORY

DOCS = REPOSITORY / "docs"
CHAPTERS = ("index", "list", "live", "page", "tests", "files", "production")


def test_the_quickstart_goes_as_printed(tmp_path: Path) -> None:
    port = str(free_port())
    with Newcomer(tmp_path, {r"\b8000\b": port}, {"WALKWIRE_PORT": port}) as newcomer:
        newcomer.follow(DOCS / "quickstart.md")


@pytest.mark.long
def test_the_quickstart_goes_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """`make setup` fetches all that is needed, which takes a minute. The guestbook is the one in Jac."""
    port = str(free_port())
    places = {r"\b8000\b": port, r"guestbook\.py": "guestbook.jac"}
    with Newcomer(tmp_path, places, {"WALKWIRE_PORT": port}, is_alone=True) as newcomer:
        newcomer.follow(DOCS / "quickstart.md")


@pytest.mark.long
@pytest.mark.parametrize("without", ["main.jac", "main.py"])
def test_the_tutorial_goes_as_printed(without: str, tmp_path: Path) -> None:
    url_of("redis")
    if databases.server() != databases.USUAL[0]:
        missing("a PostgreSQL that the user of the tests may use without a password")
    first, front, one, two = (str(free_port()) for _ in range(4))
    places = {
        r"(?<!walkwire[12]:)\b8000\b": first,
        r"\b8080\b": front,
        r"\b8001\b": one,
        r"\b8002\b": two,
        r"\bshopping\b": (name := f"shopping_{secrets.token_hex(4)}"),
    }
    try:
        with Newcomer(tmp_path, places, {"WALKWIRE_PORT": first}) as newcomer:
            nginx = newcomer.clone / "deploy" / "nginx" / "nginx.conf"
            nginx.write_text(re.sub(r"\b8080\b", front, nginx.read_text()))
            for chapter in CHAPTERS:
                newcomer.follow(DOCS / "tutorial" / f"{chapter}.md", without=without)
    finally:
        databases.drop(name)


def test_each_chapter_of_the_tutorial_is_followed() -> None:
    assert {page.stem for page in (DOCS / "tutorial").glob("*.md")} == set(CHAPTERS)
