"""API keys at the command line: made, listed, revoked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from walkwire.errors import StartError
from walkwire.server.process import api_keys


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'keys.db'}"


def test_keys_are_listed_by_name_and_never_shown_again(database: str) -> None:
    texts = [api_keys.create(database, name) for name in ("shop", "clock")]
    listed = api_keys.names(database)
    assert [name for name, _ in listed] == ["clock", "shop"]
    assert all(datetime.now(UTC) - made < timedelta(minutes=1) for _, made in listed)
    assert len(set(texts)) == 2
    assert not any(text in str(listed) for text in texts)


def test_a_revoked_key_is_gone_and_its_name_is_free(database: str) -> None:
    api_keys.create(database, "shop")
    api_keys.revoke(database, "shop")
    assert api_keys.names(database) == []
    api_keys.create(database, "shop")


def test_a_name_is_one_keys_only(database: str) -> None:
    api_keys.create(database, "shop")
    with pytest.raises(StartError, match="shop"):
        api_keys.create(database, "shop")
    with pytest.raises(StartError, match="clock"):
        api_keys.revoke(database, "clock")
