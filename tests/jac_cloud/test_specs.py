"""Specs as programs of Jac Cloud have them, with keys that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.errors import StartError
from walkwire.testing import serve

STRAY = """
walker greet {
    can go with `root entry { report "hi"; }

    class __specs__ {
        has auht: bool = False;
        has colour_of_the_page: str = "red";
        has methods: list = ["get"];
    }
}

walker wave(greet) {}
"""


async def test_a_key_that_means_nothing_is_passed_over_and_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "main.jac").write_text(STRAY)
    async with serve(tmp_path / "main.jac") as app:
        told = [record.getMessage() for record in caplog.records if "passed over" in record.getMessage()]
        assert told == [
            "main.jac: Walker greet, specs: 'auht' is not a key of specs, and is passed over. Is 'auth' meant?",
            "main.jac: Walker greet, specs: 'colour_of_the_page' is not a key of specs, and is passed over.",
        ]
        assert (await app.public().request("GET", "/walker/greet")).status == 403
        ada = await app.user()
        assert (await ada.request("GET", "/walker/greet")).reports == ["hi"]
        assert (await ada.request("GET", "/walker/wave")).reports == ["hi"]


async def test_one_that_is_known_and_wrong_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(STRAY.replace("auht: bool = False", 'auth: str = "no"'))
    with pytest.raises(StartError, match="Walker greet, specs: 'auth' is True or False, not 'no'"):
        async with serve(tmp_path / "main.jac"):
            pass


async def test_a_decorator_took_no_such_key_and_takes_none(tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(
        "import from jac_cloud.plugin.jaseci { specs }\n@specs(auht=False)\nwalker greet {}\n"
    )
    with pytest.raises(StartError, match="Walker greet, specs: 'auht' is not a key of specs"):
        async with serve(tmp_path / "main.jac"):
            pass
