"""A cluster for the tests that leave it as they found it, over each kind of broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import Cluster, cluster


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def three(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Three servers."""
    async with cluster(kind, tmp_path_factory.mktemp("cluster"), 3) as made:
        yield made
