"""What each kind of broker says about itself."""

from __future__ import annotations

import pytest

from walkwire.broker import BrokerKind
from walkwire.brokers import KINDS, MEMORY, kind_of
from walkwire.errors import StartError


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.schemes[0])
def test_each_kind_answers_everything(kind: BrokerKind) -> None:
    for scheme in kind.schemes:
        assert kind_of(f"{scheme}://host") is kind
    assert kind_of(kind.example) is kind
    assert isinstance(kind.is_multi_server, bool)
    assert kind.make(f"{kind.schemes[0]}://localhost").counts.published == 0


def test_only_memory_connects_no_servers() -> None:
    assert [kind.schemes[0] for kind in KINDS if not kind.is_multi_server] == ["memory"]
    assert kind_of(MEMORY).shown(MEMORY) == MEMORY


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ada:hush@host:6379/1", "redis://ada:***@host:6379/1"),
        ("redis://:hush@host", "redis://:***@host"),
        ("nats://ada:hush@a,nats://bob:hush@b", "nats://ada:***@a,nats://bob:***@b"),
        ("nats://localhost", "nats://localhost"),
    ],
)
def test_a_password_is_not_shown(url: str, shown: str) -> None:
    assert kind_of(url).shown(url) == shown


def test_an_unknown_scheme_names_the_kinds_there_are() -> None:
    with pytest.raises(
        StartError, match=r"'rabbit': give memory://, redis://…, redis\+cluster://… or nats://…"
    ):
        kind_of("rabbit://localhost")
