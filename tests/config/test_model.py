"""Settings: what counts over what, and what is said of a wrong one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from walkwire import config
from walkwire.config import Config
from walkwire.errors import StartError
from walkwire.history import RECENT
from walkwire.server.settings import levels_of

SECRET = "s" * 32


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder and an environment without settings."""
    for name in list(os.environ):
        if name.startswith(("WALKWIRE_", "TOKEN_SECRET", "SSO_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_defaults_are_those_of_a_developer_at_work() -> None:
    settings = config.load()
    assert (settings.host, settings.port, settings.database) == ("127.0.0.1", 8000, "sqlite:///walkwire.db")
    assert not settings.production
    assert (settings.frame_limit, settings.queue_bound) == (1024 * 1024, 1024 * 1024)
    assert (settings.ping_seconds, settings.pong_seconds) == (25, 20)
    assert (settings.threads, settings.walk_queue, settings.stop_seconds) == (16, 4096, 10)
    assert (
        settings.policy_user
        == settings.policy_channel
        == settings.policy_client
        == settings.policy_join
        == "all"
    )


def test_in_production_a_body_is_held_to_less_unless_told_otherwise() -> None:
    assert (Config().body_limit, Config(production=True).body_limit) == (16 * 1024 * 1024, 1024 * 1024)
    assert Config(production=True, body_limit="2MiB").body_limit == 2 * 1024 * 1024


def test_in_production_connections_are_limited_in_number_and_strangers_in_time() -> None:
    def limits(settings: Config) -> tuple[float, ...]:
        numbers = (
            settings.user_connections,
            settings.address_connections,
            settings.anonymous_connections,
        )
        return (*numbers, settings.anonymous_seconds, settings.message_seconds, settings.body_seconds)

    assert limits(Config()) == (0, 0, 0, 0, 60, 300)
    assert limits(Config(production=True)) == (100, 1000, 10_000, 60, 30, 60)
    assert Config(production=True, user_connections=7).user_connections == 7


def test_in_production_what_clients_send_is_limited_and_in_development_rates_are_not() -> None:
    settings = Config(production=True)
    assert (settings.event_rate, settings.byte_rate, settings.join_rate) == (200, 512 * 1024, 20)
    assert (settings.public_frame_limit, settings.element_limit, settings.target_limit) == (
        65536,
        10_000,
        100,
    )
    settings = Config()
    assert (settings.event_rate, settings.byte_rate, settings.join_rate) == (0, 0, 0)
    assert settings.public_frame_limit == settings.frame_limit


def test_in_production_passwords_are_tried_a_few_times_only() -> None:
    def limits(settings: Config) -> list[int]:
        return [
            settings.login_failures,
            settings.address_failures,
            settings.registrations,
            settings.resets,
            settings.logins_at_once,
            settings.login_queue,
        ]

    assert limits(Config(production=True)) == [10, 30, 30, 10, 8, 32]
    assert limits(Config()) == [1000, 10_000, 100_000, 1000, 512, 512]
    assert Config(production=True, login_failures=0).login_failures == 0


def test_in_production_walks_are_limited_in_time_and_number_unless_told_otherwise() -> None:
    names = ("walk_seconds", "user_walks", "user_tasks")
    assert [getattr(Config(), name) for name in names] == [0, 1024, 100_000]
    assert [getattr(Config(production=True), name) for name in names] == [30, 32, 1000]
    assert Config(production=True, user_walks=0).user_walks == 0


def test_in_production_the_log_is_json_unless_told_otherwise() -> None:
    assert (Config().log_format, Config(production=True).log_format) == ("text", "json")
    assert Config(production=True, log_format="text").log_format == "text"


def test_in_production_only_who_signed_in_may_speak_and_join_unless_told_otherwise() -> None:
    settings = Config(production=True, policy_join="none")
    assert settings.policy_user == settings.policy_channel == settings.policy_client == "authenticated"
    assert settings.policy_join == "none"


def test_argument_counts_over_environment_over_file_over_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert config.load().port == 8000
    (folder / "walkwire.toml").write_text("port = 1001\nthreads = 3\n")
    assert config.load().port == 1001
    monkeypatch.setenv("WALKWIRE_PORT", "1002")
    assert config.load().port == 1002
    assert config.load(port=1003).port == 1003
    assert config.load(port=None).port == 1002
    assert config.load().threads == 3


def test_config_itself_reads_nothing_around_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "walkwire.toml").write_text("port = 1001\n")
    monkeypatch.setenv("WALKWIRE_PORT", "1002")
    assert Config().port == 8000


def in_toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r} = {in_toml(one)}" for key, one in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def in_environment(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(value) if isinstance(value, list) else str(value)


def test_every_key_can_be_given_in_the_file_and_in_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {
        "spa": True,
        "host": "0.0.0.0",
        "port": 9,
        "database": "sqlite:///other.db",
        "database_pool": 4,
        "database_timeout": 2.5,
        "broker": "redis://localhost",
        "workers": 2,
        "production": True,
        "token_secret": SECRET,
        "token_secret_file": "secret",
        "token_key_files": ["a.pem", "b.pem"],
        "token_signer": "a",
        "public_url": "https://shop.example",
        "verify_email": "required",
        "smtp_url": "smtp://mail.example",
        "smtp_password_file": "password",
        "mail_from": "shop@example.com",
        "oidc_issuer": "https://id.example",
        "oidc_audience": ["api"],
        "oidc_jwks_url": "https://id.example/keys",
        "oidc_algorithms": ["EdDSA"],
        "oidc_register": True,
        "sso": {"home": {"client_id": "shop", "issuer": "https://id.example"}},
        "sso_link": True,
        "origins": ["https://a.example"],
        "hosts": ["a.example", "*.b.example"],
        "dev_hosts": ["192.168.1.5", "[fe80::1]", "*"],
        "trusted_proxies": ["10.0.0.0/8"],
        "frame_ancestors": ["https://b.example"],
        "hsts_seconds": 600,
        "docs": True,
        "policy_user": "none",
        "policy_channel": "none",
        "policy_client": "none",
        "policy_join": "none",
        "login_failures": 1,
        "address_failures": 2,
        "registrations": 3,
        "resets": 4,
        "logins_at_once": 5,
        "login_queue": 6,
        "reset_queue": 7,
        "webhook_keys": 8,
        "traces": True,
        "token_seconds": 3600,
        "access_seconds": 60,
        "refresh_seconds": 86400,
        "user_sessions": 9,
        "body_limit": 2048,
        "element_limit": 200,
        "query_limit": 50,
        "answer_limit": 4096,
        "upload_limit": 1024,
        "form_limit": 2048,
        "form_parts": 7,
        "forms_bound": 8192,
        "frame_limit": 2048,
        "public_frame_limit": 1024,
        "target_limit": 5,
        "event_rate": 1.5,
        "byte_rate": 2048,
        "join_rate": 2.5,
        "rate_burst": 3.5,
        "rate_patience": 4.5,
        "rates_per_user": 5.5,
        "rates_per_address": 6.5,
        "queue_bound": 4096,
        "ping_seconds": 1.5,
        "pong_seconds": 2.5,
        "threads": 2,
        "walk_seconds": 3.5,
        "walk_queue": 5,
        "user_walks": 6,
        "user_tasks": 7,
        "stop_seconds": 1,
        "memory_bound": 2**20,
        "user_connections": 3,
        "address_connections": 4,
        "anonymous_connections": 5,
        "anonymous_seconds": 6.5,
        "message_seconds": 7.5,
        "body_seconds": 8.5,
        "console": False,
        "console_token": "c" * 32,
        "console_token_file": "token",
        "show_endpoint_returns": True,
        "drain_seconds": 2,
        "metrics": True,
        "log_format": "json",
        "compression": True,
        "keep": {"ticker:*": "latest"},
        "history": {"room:*": "durable 100 2d", "ticker:*": "off"},
        "user_history": "recent 50",
        "session_seconds": 12.5,
        "password_length": 12,
        "channels": {"room:*": "members", "news:*": {"join": "all", "send": "none"}},
        "channel_send": "write",
        "client_events": "wrapped",
    }
    instead = {"database_file", "broker_file"}  # of what is in `values`: see below
    assert set(values) | instead == set(Config.model_fields)
    lines = [f"{key} = {in_toml(value)}" for key, value in values.items()]
    (folder / "walkwire.toml").write_text("\n".join(lines))
    from_file = config.load()
    (folder / "walkwire.toml").unlink()
    for key, value in values.items():
        monkeypatch.setenv(f"WALKWIRE_{key.upper()}", in_environment(value))
    assert config.load() == from_file
    assert from_file.keep == {"ticker:*": "latest"}
    assert from_file.history == {"room:*": (100, 2 * 86400, True), "ticker:*": (0, 0, False)}
    assert from_file.user_history == (50, 300, False)
    assert from_file.port == 9
    assert from_file.origins == ("https://a.example",)
    assert from_file.dev_hosts == ("192.168.1.5", "fe80::1", "*")


@pytest.mark.parametrize(
    ("key", "url"), [("database", "postgresql://ada:hush@host/db"), ("broker", "redis://:hush@host")]
)
def test_a_url_may_be_in_a_file_of_its_own(
    key: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "url").write_text(f"{url}\n")
    assert getattr(Config(**{f"{key}_file": "url"}), key) == url
    (folder / "walkwire.toml").write_text(f'{key}_file = "url"\n')
    assert getattr(config.load(), key) == url
    (folder / "walkwire.toml").unlink()
    monkeypatch.setenv(f"WALKWIRE_{key.upper()}_FILE", str(folder / "url"))
    assert getattr(config.load(), key) == url
    assert getattr(config.load(**{key: "sqlite:///argument.db"}), key) == "sqlite:///argument.db"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "DATABASE_FILE cannot be read from url: No such file"),
        (b"", "one line, a URL"),
        (b"sqlite:///a.db\nsqlite:///b.db", "one line, a URL"),
        (b"\xff", "DATABASE_FILE cannot be read from url: not UTF-8"),
    ],
)
def test_a_file_without_a_url_is_refused(
    content: bytes | None, complaint: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (folder / "url").write_bytes(content)
    monkeypatch.setenv("WALKWIRE_DATABASE_FILE", "url")
    with pytest.raises(StartError, match=complaint):
        config.load()


def test_a_url_and_a_file_of_it_are_not_both_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "url").write_text("sqlite:///a.db")
    monkeypatch.setenv("WALKWIRE_DATABASE_FILE", "url")
    monkeypatch.setenv("WALKWIRE_DATABASE", "sqlite:///b.db")
    with pytest.raises(StartError, match=r"^DATABASE and DATABASE_FILE are both given: leave one out$"):
        config.load()


def test_the_documentation_is_off_in_production_and_no_other_site_shows_a_page_in_a_frame() -> None:
    assert (Config().docs, Config(production=True).docs) == (True, False)
    assert Config(production=True, docs=True).docs
    assert (Config().frame_ancestors, Config(production=True).frame_ancestors) == (("*",), ())


def test_a_rule_of_channels_has_a_level_for_joining_and_one_for_sending() -> None:
    found = config.load(channels={"room:*": "members", "news:*": {"join": "all", "send": "none"}}).channels
    assert [(pattern, levels.join, levels.send) for pattern, levels in found.items()] == [
        ("room:*", "members", "members"),
        ("news:*", "all", "none"),
    ]


@pytest.mark.parametrize(
    "channels",
    ["{", '{"room:*": "friends"}', '{"room:*": {"join": "all"}}', '{"user:*": "owner"}', '["room:*"]'],
)
def test_a_wrong_rule_of_channels_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, channels: str
) -> None:
    monkeypatch.setenv("WALKWIRE_CHANNELS", channels)
    with pytest.raises(StartError, match=r"^CHANNELS, from WALKWIRE_CHANNELS: "):
        config.load()


def test_sizes_may_be_written_with_their_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALKWIRE_FRAME_LIMIT", "2MiB")
    assert config.load().frame_limit == 2 * 1024 * 1024


def test_jac_clouds_name_of_the_signing_secret_is_read_after_our_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "walkwire.toml").write_text(f'token_secret = "{"f" * 32}"\n')
    monkeypatch.setenv("TOKEN_SECRET", SECRET)
    secret = config.load().token_secret
    assert secret is not None
    assert secret.get_secret_value() == SECRET
    monkeypatch.setenv("WALKWIRE_TOKEN_SECRET", "w" * 32)
    secret = config.load().token_secret
    assert secret is not None
    assert secret.get_secret_value() == "w" * 32


def test_providers_of_single_sign_on_have_variables_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "walkwire.toml").write_text(
        '[sso.my_home]\nclient_id = "file"\nissuer = "https://id.example"\n'
    )
    monkeypatch.setenv("SSO_GOOGLE_CLIENT_ID", "jac cloud's")
    monkeypatch.setenv("WALKWIRE_SSO_GOOGLE_CLIENT_ID", "ours")
    monkeypatch.setenv("SSO_GOOGLE_CLIENT_SECRET", "hush")
    monkeypatch.setenv("WALKWIRE_SSO_MY_HOME_CLIENT_SECRET_FILE", "secret")
    monkeypatch.setenv("SSO_HOST", "http://localhost:8000/sso")
    settings = config.load()
    google, home = settings.sso["google"], settings.sso["my_home"]
    assert (google.client_id, google.issuer) == ("ours", None)
    assert (home.client_id, home.issuer, home.client_secret_file) == ("file", "https://id.example", "secret")
    assert "hush" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ({"SSO_HOME_CLIENT_ID": "a"}, "SSO: the provider 'home' needs SSO_HOME_ISSUER"),
        ({"SSO_GOOGLE_CLIENT_SECRET": "hush"}, "SSO_GOOGLE_CLIENT_ID: Field required"),
        (
            {"SSO_HOME_CLIENT_ID": "a", "SSO_HOME_ISSUER": "http://id.example"},
            "SSO_HOME_ISSUER: a URL that begins",
        ),
        (
            {"WALKWIRE_PUBLIC_URL": "http://shop.example"},
            "PUBLIC_URL, from WALKWIRE_PUBLIC_URL: a URL that begins",
        ),
        (
            {"WALKWIRE_PUBLIC_URL": "https://shop.example/?a=b"},
            "PUBLIC_URL, from WALKWIRE_PUBLIC_URL: a URL that",
        ),
        (
            {"WALKWIRE_OIDC_ALGORITHMS": "RS256,HS256"},
            "OIDC_ALGORITHMS, from WALKWIRE_OIDC_ALGORITHMS: input should",
        ),
        (
            {"WALKWIRE_OIDC_ALGORITHMS": "none"},
            "OIDC_ALGORITHMS, from WALKWIRE_OIDC_ALGORITHMS: input should",
        ),
    ],
)
def test_settings_of_identity_that_are_wrong_are_named(
    names: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError) as raised:
        config.load()
    assert str(raised.value).startswith(sentence)
    assert "hush" not in str(raised.value)


def test_an_empty_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALKWIRE_PORT", "")
    monkeypatch.setenv("TOKEN_SECRET", "")
    assert config.load().port == 8000
    assert config.load().token_secret is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", "70000"),
        ("port", "http"),
        ("production", "perhaps"),
        ("policy_user", "friends"),
        ("frame_limit", "12 apples"),
        ("ping_seconds", "0"),
        ("threads", "0"),
        ("origins", "example.com"),
        ("origins", "https://a.example/page"),
        ("hosts", "https://a.example"),
        ("hosts", "a.example:443"),
        ("hosts", "a.*"),
        ("dev_hosts", "a.example/"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key_and_its_source(
    key: str, value: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StartError, match=f"^{key.upper()}, from the argument --{key}: [^;]*$"):
        config.load(**{key: value})
    (folder / "walkwire.toml").write_text(f'{key} = "{value}"\n')
    with pytest.raises(StartError, match=f"^{key.upper()}, from walkwire.toml: "):
        config.load()
    monkeypatch.setenv(f"WALKWIRE_{key.upper()}", value)
    with pytest.raises(StartError, match=f"^{key.upper()}, from WALKWIRE_{key.upper()}: "):
        config.load()


def test_an_unknown_key_of_the_file_is_refused_and_the_near_one_named(folder: Path) -> None:
    (folder / "walkwire.toml").write_text("prot = 80\n")
    with pytest.raises(StartError, match=r"walkwire\.toml has an unknown key 'prot': is 'port' meant\?"):
        config.load()


def test_a_file_that_is_not_toml_is_refused_with_the_place(folder: Path) -> None:
    (folder / "walkwire.toml").write_text("port: 80\n")
    with pytest.raises(StartError, match=r"walkwire\.toml cannot be read: .*line 1"):
        config.load()


def test_a_short_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(StartError, match="at least 32 bytes") as refused:
        config.load(token_secret="supersecret")
    assert "supersecret" not in str(refused.value)


def test_neither_the_secret_nor_the_database_is_in_what_the_settings_print() -> None:
    shown = repr(Config(token_secret=SECRET, database="postgresql://me:hidden@host/db"))  # type: ignore[arg-type]
    assert SECRET not in shown
    assert "hidden" not in shown


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "anywhere:8000", True),
        ("http://localhost:5173", "localhost:8000", True),
        ("http://LOCALHOST", "127.0.0.1:8000", True),
        ("https://127.0.0.1:3000", "localhost:8000", True),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("https://listed.example", "localhost:8000", True),
        ("http://attacker.example:8000", "attacker.example:8000", False),
        ("http://localhost.attacker.example", "localhost:8000", False),
        ("http://192.168.0.7:8000", "192.168.0.7:8000", False),
        ("null", "localhost:8000", False),
        ("file://", "localhost:8000", False),
        ("http://localhost:port", "localhost:8000", False),
    ],
)
def test_in_development_pages_of_this_machine_may_talk_to_it(
    origin: str | None, host: str, allowed: bool
) -> None:
    assert Config(origins=("https://listed.example",)).allows_origin(origin, host) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "chat.example", True),
        ("https://chat.example", "chat.example", True),
        ("https://chat.example", "chat.example:443", True),
        ("https://Chat.Example", "chat.example", True),
        ("http://chat.example:8000", "chat.example:8000", True),
        ("http://[2001:db8::1]:8000", "[2001:db8::1]:8000", True),
        ("https://listed.example:444", "chat.example", True),
        ("https://second.example", "chat.example", True),
        ("https://listed.example", "chat.example", False),
        ("https://chat.example:444", "chat.example", False),
        ("https://other.example", "chat.example", False),
        ("http://localhost:5173", "chat.example", False),
        ("https://chat.example", None, False),
        ("null", "chat.example", False),
    ],
)
def test_in_production_only_the_servers_own_pages_and_those_of_the_list_may(
    origin: str | None, host: str | None, allowed: bool
) -> None:
    settings = Config(production=True, origins=("https://listed.example:444/", "https://second.example:443"))
    assert settings.allows_origin(origin, host) is allowed


@pytest.mark.parametrize(
    "told", ["never", "off 5", "durable -1", "recent 0", "recent 5 0s", "durable 10 5y", "durable 2000000"]
)
def test_a_history_that_cannot_be_read_is_refused(told: str) -> None:
    with pytest.raises(StartError, match="HISTORY"):
        config.load(history={"room:*": told})


def test_the_first_pattern_says_how_much_is_kept_of_a_channel() -> None:
    levels = levels_of(
        Config.model_validate({"history": {"room:1": "off", "room:*": "durable"}, "session_seconds": 1000})
    )
    assert [levels("channels", name).is_durable for name in ("room:1", "room:2", "hall")] == [
        False,
        True,
        False,
    ]
    assert [levels("channels", name).most for name in ("room:1", "room:2", "hall")] == [0, 10_000, 300]
    assert levels("users", "a" * 24) == RECENT
    assert levels("clients", "x").seconds == 1500
    assert levels.has_durable
    assert not levels_of(Config()).has_durable
