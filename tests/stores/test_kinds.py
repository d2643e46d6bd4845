"""What each kind of database says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from walkwire.errors import StartError
from walkwire.store import StoreKind
from walkwire.stores import KINDS, kind_of


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.schemes[0])
def test_each_kind_answers_everything(kind: StoreKind) -> None:
    for scheme in kind.schemes:
        assert kind_of(f"{scheme}://ada@host/name") is kind
    assert kind_of(kind.example) is kind
    assert isinstance(kind.is_multi_server, bool)
    assert isinstance(kind.has_pool, bool)
    assert "hush" not in kind.shown(kind.example.replace("user@", "user:hush@"))
    assert isinstance(kind.file(kind.example), Path | None)


def test_several_servers_need_a_database_server() -> None:
    assert not kind_of("sqlite:///walkwire.db").is_multi_server
    assert kind_of("postgres://me@host/db").is_multi_server


def test_a_password_is_not_shown() -> None:
    url = "postgresql://ada:hush@host:5432/db"
    assert kind_of(url).shown(url) == "postgresql://ada:***@host:5432/db"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///walkwire.db", Path("walkwire.db")),
        ("sqlite:////var/lib/w.db?synchronous=FULL", Path("/var/lib/w.db")),
        ("sqlite:///my%20chat.db", Path("my chat.db")),
        ("sqlite:///", None),
        ("postgresql://me@host/db", None),
    ],
)
def test_the_file_of_a_database_is_told_where_there_is_one(url: str, file: Path | None) -> None:
    assert kind_of(url).file(url) == file


def test_an_unknown_scheme_names_the_kinds_there_are() -> None:
    with pytest.raises(StartError, match=r"'mongodb': give sqlite:///file.db or postgresql://user@host/name"):
        kind_of("mongodb://localhost")
