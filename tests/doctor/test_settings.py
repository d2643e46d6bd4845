"""What the settings alone show."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from walkwire.config import Config
from walkwire.doctor import settings
from walkwire.doctor.finding import Finding

SECRET = secrets.token_urlsafe(48)


def config(**given: Any) -> Config:
    return Config(**({"production": True} | given))


def only(findings: Any) -> Finding:
    (finding,) = findings
    assert isinstance(finding, Finding)
    return finding


def test_development_is_wrong() -> None:
    assert only(settings.mode(config())).level == "ok"
    found = only(settings.mode(Config()))
    assert (found.level, "--production" in found.sentence) == ("wrong", True)


def test_a_secret_is_given_long_and_random(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    file.chmod(0o600)
    for good in ({"token_secret": SECRET}, {"token_secret_file": str(file)}):
        found = only(settings.secret(config(**good)))
        assert found.level == "ok"
        assert SECRET not in found.sentence
    for wrong in (
        {},
        {"token_secret": "abc" * 20},
        {"token_secret_file": str(tmp_path / "absent")},
        {"token_secret": SECRET, "token_secret_file": str(file)},
    ):
        assert only(settings.secret(config(**wrong))).level == "wrong"
    file.chmod(0o644)
    found = only(settings.secret(config(token_secret_file=str(file))))
    assert (found.level, "chmod 600" in found.sentence) == ("warn", True)
    file.write_text("short")
    assert only(settings.secret(config(token_secret_file=str(file)))).level == "wrong"


def test_the_secret_of_development_is_not_for_production(tmp_path: Path) -> None:
    database = tmp_path / "walkwire.db"
    Path(f"{database}.secret").write_text(SECRET)
    found = only(settings.secret(config(database=f"sqlite:///{database}", token_secret=SECRET)))
    assert found.level == "wrong"
    assert "development" in found.sentence


def test_an_open_policy_is_named() -> None:
    assert only(settings.policies(config())).level == "ok"
    found = only(settings.policies(config(policy_join="all")))
    assert (found.level, "POLICY_JOIN" in found.sentence) == ("warn", True)
    assert len(list(settings.policies(Config()))) == 4


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, "ok"),
        ({"host": "0.0.0.0"}, "warn"),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.0/8",)}, "ok"),
        ({"origins": ("https://shop.example",)}, "ok"),
        ({"origins": ("http://localhost:3000", "http://127.0.0.1")}, "ok"),
        ({"origins": ("https://shop.example", "http://shop.example")}, "wrong"),
        ({"origins": ("http://localhost.shop.example",)}, "wrong"),
    ],
)
def test_tokens_go_over_tls(given: dict[str, Any], level: str) -> None:
    assert only(settings.tls(config(**given))).level == level


@pytest.mark.parametrize(
    ("trusted", "level"),
    [((), "warn"), (("10.0.0.1",), "ok"), (("0.0.0.0/0",), "wrong"), (("10.0.0.1", "::/0"), "wrong")],
)
def test_proxies_are_named_and_not_everybody(trusted: tuple[str, ...], level: str) -> None:
    assert only(settings.proxies(config(trusted_proxies=trusted))).level == level


@pytest.mark.parametrize(("hosts", "level"), [((), "warn"), (("*",), "warn"), (("shop.example",), "ok")])
def test_hosts_are_named(hosts: tuple[str, ...], level: str) -> None:
    assert only(settings.hosts(config(hosts=hosts))).level == level
