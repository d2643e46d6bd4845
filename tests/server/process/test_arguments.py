"""Which URLs on the command line are warned of."""

from __future__ import annotations

import pytest

from walkwire.server.process.arguments import warn_of_passwords


@pytest.mark.parametrize(
    ("database", "broker", "named"),
    [
        ("postgresql://ada:hush@host/db", None, ["database"]),
        ("postgresql://host/db?password=hush", None, ["database"]),
        (None, "redis://:hush@host", ["broker"]),
        (None, "nats://hush@host", ["broker"]),
        ("postgresql://ada:hush@host/db", "redis://:hush@host", ["database", "broker"]),
        ("postgresql://ada@host/db", "redis://host", []),
        ("sqlite:///walkwire.db", "memory://", []),
        (None, None, []),
    ],
)
def test_a_url_with_a_password_is_warned_of(
    database: str | None, broker: str | None, named: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    warn_of_passwords(database, broker)
    assert [str(record.args[0]) for record in caplog.records if record.args] == named
    assert "hush" not in caplog.text
