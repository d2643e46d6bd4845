"""A token ends on one server: for how long it counts on others, with the broker and without. `-s` prints it.

The promise is a second with the broker, and the bounds of `docs/users.md` without. On the second server a socket is open; on the
third, where nobody was signed in, old tokens are shown all the time, over REST and by sockets that are opened.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.brokers.service import KINDS, Kind
from tests.cluster.cluster import ONE_KIND, Cluster, cluster
from tests.cluster.revoking import WAYS, Revoked, revoke

# The bounds of the docs, and some for a machine on which others are at work: each stays below the next.
HEARD, AWAY, CUT_OFF = 1 + 3, 5 + 3, 10 + 3


@pytest.fixture(scope="module", params=ONE_KIND)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param  # type: ignore[no-any-return]


def tell(what: str, found: Revoked, bound: float) -> None:
    print(
        f"\n{what}: sockets that were open {found.was_open:.3f} s, opened meanwhile ({found.meanwhile}) {found.was_opened:.3f} s,"
        f" REST {found.rest:.3f} s"
    )
    assert found.last < bound


@pytest.mark.asyncio(loop_scope="module")
async def test_with_the_broker_within_a_second_on_every_server(three: Cluster, kind: Kind) -> None:
    here, there, third = three.servers
    for number in range(2):
        found = await revoke(here, open_on=[here, third], opened_on=[there, third])
        tell(f"{kind}, run {number}", found, HEARD)
    found = await revoke(here, open_on=[there], known_on=[third])
    tell(f"{kind}, on one server no socket was open", found, HEARD)
    found = await revoke(there, known_on=[here, third])
    tell(f"{kind}, no socket was open at all", found, HEARD)


# No broker tells of an expiry, and to wait for it takes seconds.
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "way", [*sorted({*WAYS} - {"password", "expiry"}), pytest.param("expiry", marks=pytest.mark.long)]
)
async def test_each_way_within_a_second_on_every_server(three: Cluster, kind: Kind, way: str) -> None:
    here, there, third = three.servers
    found = await revoke(here, open_on=[here, third], opened_on=[there, third], way=way)
    tell(f"{kind}, {way}", found, HEARD)
    found = await revoke(there, open_on=[there], known_on=[here, third], way=way)
    tell(f"{kind}, {way}, no socket was open on the others", found, HEARD)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_each_way_with_a_broker_that_is_gone_within_five_seconds(kind: Kind, tmp_path: Path) -> None:
    async with cluster(kind, tmp_path, 3) as made:
        here, there, third = made.servers
        made.broker.kill()
        for server in made.servers:
            await made.ready(server, False)
        for way in sorted({*WAYS} - {"password"}):
            found = await revoke(here, open_on=[there], opened_on=[third], way=way)
            tell(f"{kind} gone, {way}", found, HEARD if way == "expiry" else AWAY)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_with_a_broker_that_is_gone_and_comes_back_within_five_seconds(
    kind: Kind, tmp_path: Path
) -> None:
    async with cluster(kind, tmp_path, 3) as made:
        here, there, third = made.servers
        found = await revoke(here, open_on=[there], opened_on=[third], begin=made.broker.kill)
        tell(f"{kind} killed at that moment", found, AWAY)
        for server in made.servers:
            await made.ready(server, False)
        found = await revoke(here, open_on=[there], opened_on=[third])
        tell(f"{kind} gone", found, AWAY)
        made.broker.start()
        for server in made.servers:
            await made.ready(server)
        found = await revoke(here, open_on=[there], opened_on=[third])
        tell(f"{kind} back just now", found, AWAY)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_with_a_broker_that_hangs_from_that_moment_on_within_five_seconds(
    kind: Kind, tmp_path: Path
) -> None:
    async with cluster(kind, tmp_path, 3) as made:
        here, there, third = made.servers
        try:
            found = await revoke(here, open_on=[there], opened_on=[third], begin=made.broker.freeze)
        finally:
            made.broker.thaw()
        tell(f"{kind} hung", found, AWAY)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_on_servers_that_do_not_hear_the_others_within_five_seconds(kind: Kind, tmp_path: Path) -> None:
    async with cluster(kind, tmp_path, 3) as made:
        here, there, third = made.servers

        def part() -> None:
            made.wires[1].part()
            made.wires[2].part()

        found = await revoke(here, open_on=[there], opened_on=[third], begin=part)
        tell(f"{kind}, the other servers are cut off", found, AWAY)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_by_a_server_that_the_others_do_not_hear_within_ten_seconds(kind: Kind, tmp_path: Path) -> None:
    async with cluster(kind, tmp_path, 3) as made:
        here, there, third = made.servers
        found = await revoke(here, open_on=[there], opened_on=[third], begin=made.wires[0].part)
        tell(f"{kind}, the server of the change is cut off", found, CUT_OFF)
