"""Walkers that spawn walkers: every kind of ability, every kind of walker; in module code, and from Python."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from walkwire.testing import Client, serve

PROGRAM = """
node Mark { has word: str; }

walker plain {
    has word: str = "plain";
    can put with `root entry { here ++> Mark(self.word); report self.word; }
}

walker waiting {
    async can put with `root entry { here ++> Mark("waiting"); report "waiting"; }
}

async walker later {
    can put with `root entry { here ++> Mark("later"); report "later"; }
}

async walker later_waiting {
    async can put with `root entry { here ++> Mark("later_waiting"); report "later_waiting"; }
}

with entry {
    root spawn plain();
    root spawn waiting();
    root spawn later();
    later_waiting() spawn root;
}

walker marks {
    can look with `root entry { report sorted([mark.word for mark in [-->(`?Mark)]]); }
    class __specs__ { has auth: bool = False; }
}

walker from_plain {
    can go with `root entry {
        for made in [plain(), waiting(), later(), later_waiting()] {
            walked = here spawn made;
            report walked is made;
        }
    }
}

walker from_async {
    async can go with `root entry {
        walked = here spawn plain();
        report walked.word;
        for made in [waiting(), later(), later_waiting()] {
            walked = await (here spawn made);
            report walked is made;
        }
    }
}

walker only_once_awaited {
    async can go with `root entry {
        walk = here spawn later();
        report len([-->(`?Mark)]);
        await walk;
        report len([-->(`?Mark)]);
    }
}
"""
PYTHON = """
from walkwire import Root, Walker, on_entry

class plain(Walker):
    @on_entry
    def put(self, here: Root) -> None:
        self.report("plain")

class waiting(Walker):
    @on_entry
    async def put(self, here: Root) -> None:
        self.report("waiting")

class later(Walker, background=True):
    @on_entry
    async def put(self, here: Root) -> None:
        self.report("later")

class from_plain(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        for kind in (plain, waiting, later):
            self.report(kind().spawn(here).reports)

class from_async(Walker):
    @on_entry
    async def go(self, here: Root) -> None:
        for kind in (plain, waiting, later):
            self.report((await kind().aspawn(here)).reports)
        self.report(plain().spawn(here).reports)
        try:
            later().spawn(here)
        except RuntimeError as error:
            self.report(str(error))
"""
ALL = ["later", "later_waiting", "plain", "waiting"]


@pytest.fixture
async def ada(tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "main.jac").write_text(PROGRAM)
    async with serve(tmp_path / "main.jac") as app:
        yield await app.user()


async def test_module_code_walks_at_once_with_every_kind_of_walker(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(PROGRAM)
    async with serve(tmp_path / "main.jac") as app:
        assert (await app.public().post("marks")).reports == [ALL]


async def test_a_plain_ability_walks_at_once_with_every_kind_of_walker(ada: Client) -> None:
    told = (await ada.post("from_plain")).reports
    assert told == ["plain", True, "waiting", True, "later", True, "later_waiting", True]


async def test_an_async_ability_awaits_all_but_the_plain(ada: Client) -> None:
    told = (await ada.post("from_async")).reports
    assert told == ["plain", "plain", "waiting", True, "later", True, "later_waiting", True]
    assert (await ada.post("only_once_awaited")).reports == [4, "later", 5]


async def test_python_has_a_word_for_each(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PYTHON)
    async with serve(tmp_path / "main.py") as app:
        ada = await app.user()
        assert (await ada.post("from_plain")).reports == [
            *("plain", ["plain"], "waiting", ["waiting"], "later", ["later"]),
        ]
        told = (await ada.post("from_async")).reports
        assert told[:8] == [
            "plain",
            ["plain"],
            "waiting",
            ["waiting"],
            "later",
            ["later"],
            "plain",
            ["plain"],
        ]
        assert told[8] == "later has async abilities: from an async ability, await aspawn()"
