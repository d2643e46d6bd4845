"""Where the signing secret comes from, and how it is kept."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from walkwire.account.secret import place_of_secret, signing_secret
from walkwire.config import Config
from walkwire.errors import StartError

GIVEN = "g" * 32


def _made_in(folder: Path) -> bytes:
    return signing_secret(Config(), folder / "some.db")


def test_in_development_it_is_made_once_beside_the_database_for_its_owner_only(tmp_path: Path) -> None:
    secret = _made_in(tmp_path)
    place = tmp_path / "some.db.secret"
    assert len(secret) >= 32
    assert place.read_bytes() == secret
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert _made_in(tmp_path) == secret
    assert list(tmp_path.iterdir()) == [place]


def test_each_database_has_its_own(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert _made_in(tmp_path) != _made_in(other)


def test_many_that_start_at_once_agree_on_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(_made_in, [tmp_path] * 64))
    assert len(secrets) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["some.db.secret"]


def test_a_secret_that_others_could_read_is_taken_back(tmp_path: Path) -> None:
    _made_in(tmp_path)
    place = tmp_path / "some.db.secret"
    place.chmod(0o644)
    _made_in(tmp_path)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_one_that_is_given_is_taken_and_none_is_made(tmp_path: Path) -> None:
    config = Config(token_secret=GIVEN)  # type: ignore[arg-type]
    assert signing_secret(config, tmp_path / "some.db") == GIVEN.encode()
    (tmp_path / "key").write_text(f"{GIVEN}\n")
    config = Config(token_secret_file=str(tmp_path / "key"), production=True)
    assert signing_secret(config, tmp_path / "some.db") == GIVEN.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_production_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"Production needs a signing secret .* WALKWIRE_TOKEN_SECRET"):
        signing_secret(Config(production=True), tmp_path / "some.db")
    assert list(tmp_path.iterdir()) == []


def test_two_that_are_given_are_one_too_many() -> None:
    with pytest.raises(StartError, match="both given"):
        signing_secret(Config(token_secret=GIVEN, token_secret_file="key"), None)  # type: ignore[arg-type]


def test_a_file_that_is_missing_or_too_short_is_named_and_not_shown(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(StartError, match=f"TOKEN_SECRET_FILE cannot be read from {missing}: No such file"):
        signing_secret(Config(token_secret_file=str(missing)), None)
    short = tmp_path / "short"
    short.write_text("supersecret")
    with pytest.raises(StartError, match="has 11 bytes; it needs at least 32") as refused:
        signing_secret(Config(token_secret_file=str(short)), None)
    assert "supersecret" not in str(refused.value)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        StartError, match=r"The signing secret cannot be kept in .*: No such file or directory"
    ):
        _made_in(tmp_path / "missing")


def test_its_place_follows_the_file_of_the_database() -> None:
    assert place_of_secret(Path("/var/lib/w.db")) == Path("/var/lib/w.db.secret")
    assert place_of_secret(None) == Path("walkwire.secret")


PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


def test_a_key_in_pem_format_is_refused_at_the_start_as_no_token_could_be_signed(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text(PEM)
    with pytest.raises(StartError, match=r"TOKEN_SECRET_FILE in .*key.pem is a key or a certificate"):
        signing_secret(Config(token_secret_file=str(tmp_path / "key.pem")), None)
    with pytest.raises(StartError, match="TOKEN_SECRET is a key or a certificate"):
        signing_secret(Config(token_secret=PEM), None)  # type: ignore[arg-type]
