"""Services that the histories of tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.brokers.service import service


@pytest.fixture(scope="session")
def jetstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a NATS server with JetStream."""
    folder = tmp_path_factory.mktemp("jetstream")
    with service("nats", folder, "-js", "-sd", str(folder / "store")) as started:
        yield started.url
