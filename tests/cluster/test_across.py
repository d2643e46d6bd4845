"""What is said on one server, and heard on others: all kinds, exactly once, in order, and only where somebody listens."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.cluster.cluster import PATIENCE, Cluster
from tests.serving import PASSWORD, PUBLIC_ROOT, Server, Socket
from walkwire.account.service import create_key
from walkwire.stores import open_store

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def settle(*sockets: Socket) -> list[list[object]]:
    """What each has heard once all that they said was handled, and the broker had the time to carry it."""
    before = [await socket.settle() for socket in sockets]
    await asyncio.sleep(0.3)  # servers and broker are other processes: nobody tells when all is quiet
    return [heard + await socket.settle() for heard, socket in zip(before, sockets, strict=True)]


async def test_events_of_clients_cross_servers_exactly_once_and_in_order(three: Cluster) -> None:
    here, there, third = three.servers
    ann = await here.person("ann")
    async with (
        here.connect(ann.token, "events") as one,
        there.connect(ann.token, "events") as two,
        third.connect(None, "events") as eve,
    ):
        for number in range(50):
            await one.say({"type": "user", "root_ids": [ann.root_id], "data": {"user": number}})
            await one.say({"type": "channel", "channel_ids": ["events"], "data": {"channel": number}})
            await one.say(
                {"type": "client", "client_ids": [eve.client_id, two.client_id], "data": {"client": number}}
            )
        heard_by_one, heard_by_two, heard_by_eve = await settle(one, two, eve)
        for heard, words in (
            (heard_by_one, ["user", "channel"]),
            (heard_by_two, ["user", "channel", "client"]),
            (heard_by_eve, ["channel", "client"]),
        ):
            assert len(heard) == 50 * len(words)
            for word in words:
                assert [frame[word] for frame in heard if word in frame] == list(range(50))


async def test_walkers_notifications_cross_servers(three: Cluster) -> None:
    here, there, third = three.servers
    ann = await here.person("ann")
    async with there.connect(ann.token, "walkers") as two, third.connect(None, "walkers") as eve:
        await here.walk("tell", kind="users", targets=[ann.root_id, ann.root_id], data={"n": 1})
        await here.walk(
            "tell", kind="channels", targets=["walkers", "elsewhere", eve.channel_id], data={"n": 2}
        )
        await here.walk("tell", kind="clients", targets=[two.client_id, eve.client_id], data={"n": 3})
        await here.walk("tell", kind="users", targets=[PUBLIC_ROOT], data={"n": 4})
        heard_by_two, heard_by_eve = await settle(two, eve)
        assert sorted(frame["n"] for frame in heard_by_two) == [1, 2, 3]
        assert sorted(frame["n"] for frame in heard_by_eve) == [2, 3, 4]


async def test_a_random_channel_of_another_server_is_joined_and_told(three: Cluster) -> None:
    here, there, third = three.servers
    async with here.connect() as owner, there.connect() as guest, third.connect() as caller:
        assert (await guest.ask({"type": "join", "channel_ids": [owner.channel_id], "id": 1}))["ok"]
        for number in range(20):
            await caller.say({"type": "channel", "channel_ids": [owner.channel_id], "data": {"n": number}})
        for heard in await settle(owner, guest):
            assert [frame["n"] for frame in heard] == list(range(20))


async def test_a_walker_takes_a_client_of_another_server_into_a_channel_and_out(three: Cluster) -> None:
    here, there, _ = three.servers
    async with there.connect() as two:
        await here.walk("bring", client_id=two.client_id, channel_id="room", data={"n": 1})
        assert await two.hear() == {"n": 1}, "also what was told right after it had come in"
        await here.walk("tell", kind="channels", targets=["room"], data={"n": 2})
        assert await two.hear() == {"n": 2}
        await here.walk("send_off", client_id=two.client_id, channel_id="room")
        await here.walk("tell", kind="channels", targets=["room"], data={"n": 3})
        assert await settle(two) == [[]]


async def test_a_new_password_makes_sockets_on_other_servers_public(three: Cluster) -> None:
    here, there, third = three.servers
    ann = await here.user()
    async with there.connect(ann.token) as two, third.connect(ann.token) as three_:
        assert {two.root_id, three_.root_id} == {ann.root_id}
        change = {"old_password": PASSWORD, "new_password": "better"}
        assert (await here.post("/user/change_password", change, ann.token)).status_code == 200
        for socket in (two, three_):
            async with asyncio.timeout(PATIENCE):
                while (await socket.ask({"type": "connection"}))["data"]["root_id"] != PUBLIC_ROOT:
                    pass
    async with there.connect(ann.token) as again:
        assert again.root_id == PUBLIC_ROOT


async def test_other_services_may_tell_those_on_every_server(three: Cluster) -> None:
    here, there, third = three.servers
    store = open_store(three._database)
    key = create_key(store, "cron").text
    store.close()
    async with here.connect(None, "cron") as one, there.connect(None, "cron") as two:
        body = {"targets": ["cron"], "data": {"n": 1}}
        assert (await third.post("/notify/channels", body, key)).json() == {
            "message": "Successfully Notified!"
        }
        assert await settle(one, two) == [[{"n": 1}], [{"n": 1}]]


async def test_an_event_with_an_id_is_answered_when_the_broker_has_it(three: Cluster) -> None:
    here, there, _ = three.servers
    async with here.connect(None, "asked") as one, there.connect(None, "asked") as two:
        for number in range(100):
            await one.say({"type": "channel", "channel_ids": ["asked"], "data": {"n": number}, "id": number})
        frames = [await one.hear() for _ in range(200)]
        replies = [frame["id"] for frame in frames if frame.get("type") == "reply" and frame["ok"]]
        assert replies == list(range(100))
        assert [frame["n"] for frame in (await settle(two))[0]] == list(range(100))


async def test_a_server_hears_only_what_somebody_connected_to_it_wants(three: Cluster) -> None:
    here, there, third = three.servers
    ann = await here.person("ann")
    async with (
        here.connect(ann.token, "interest") as one,
        there.connect(None, "interest") as two,
        third.connect(None, "other") as eve,
    ):
        await settle(one, two, eve)
        before = [wire.messages for wire in three.wires]
        for number in range(100):
            await one.say({"type": "channel", "channel_ids": ["interest"], "data": {"n": number}})
            await one.say({"type": "user", "root_ids": [ann.root_id], "data": {"n": number}})
            await one.say({"type": "client", "client_ids": [one.client_id], "data": {"n": number}})
            await one.say(
                {"type": "channel", "channel_ids": [one.channel_id, "nobody"], "data": {"n": number}}
            )
        await settle(one, two, eve)
        here_came, there_came, third_came = (
            wire.messages - was for wire, was in zip(three.wires, before, strict=True)
        )
        assert (there_came, third_came) == (200, 0)
        if three.broker.kind == "nats":
            assert here_came == 0, "a server does not hear itself"


async def test_nothing_is_told_before_the_commit_and_what_failed_is_never_told(three: Cluster) -> None:
    here, there, _ = three.servers
    async with there.connect(None, "commits") as two:
        replies = await asyncio.gather(
            *(
                here.post("/walker/write", {"channel_id": "commits", "number": number})
                for number in range(20)
            ),
            *(there.post("/walker/write", {"channel_id": "commits", "number": "x"}) for _ in range(5)),
        )
        told = {reply.json()["reports"][0] for reply in replies if reply.status_code == 200}
        assert told == set(range(20))
        heard = (await settle(two))[0]
        assert sorted(frame["number"] for frame in heard) == list(range(20))
        assert set(range(20)) <= set((await there.walk("written"))[0])
        assert json.dumps(heard).count("number") == 20


async def test_what_a_walk_told_that_had_to_run_again_is_told_once(three: Cluster) -> None:
    here, there, third = three.servers
    counter = (await here.walk("make_counter"))[0]["id"]
    async with there.connect(None, "counts") as two, third.connect(None, "counts") as eve:
        reports = await asyncio.gather(
            *(
                three.servers[number % 3].walk("count_aloud", None, counter, channel_id="counts")
                for number in range(30)
            )
        )
        assert sorted(report[0] for report in reports) == list(range(1, 31))
        for heard in await settle(two, eve):
            assert sorted(frame["count"] for frame in heard) == list(range(1, 31))


async def test_each_server_is_heard_elsewhere_in_the_order_of_its_commits(three: Cluster) -> None:
    """Between servers nothing is promised: a later count of one may arrive before an earlier one of another."""
    here, there, third = three.servers
    counter = (await here.walk("make_counter"))[0]["id"]
    async with third.connect(None, "orders") as eve, here.connect(None, "orders") as ann:
        counts: dict[Server, list[int]] = {here: [], there: []}

        async def count(server: Server) -> None:
            for _ in range(10):
                (number,) = await server.walk("count_aloud", None, counter, channel_id="orders")
                counts[server].append(number)

        await asyncio.gather(*(count(server) for server in (here, there) * 2))
        for listener in (eve, ann):
            numbers = [(await listener.hear())["count"] for _ in range(40)]
            assert sorted(numbers) == list(range(1, 41))
            for mine in counts.values():
                assert [number for number in numbers if number in mine] == sorted(mine)


async def test_one_address_is_one_user_however_many_servers_are_asked_at_once(three: Cluster) -> None:
    bodies = [{"email": email, "password": PASSWORD} for email in ("eve@example.com", "EVE@example.com") * 3]
    answers = await asyncio.gather(
        *(three.servers[number % 3].post("/user/register", body) for number, body in enumerate(bodies))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    logins = [await server.post("/user/login", bodies[0]) for server in three.servers]
    assert len({login.json()["user"]["root_id"] for login in logins}) == 1


async def test_the_log_has_no_fault(three: Cluster) -> None:
    server: Server = three.servers[0]
    assert "Traceback" not in server.log.read_text()
