"""What one stranger does with walks: nothing that others have to pay for, and nothing that they did not allow."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server, client
from walkwire.ids import PUBLIC_ROOT, new_id
from walkwire.store import Asking, Changes, NodeRecord, Reads, Store, TaskRecord
from walkwire.stores import open_store
from walkwire.walk.run.runtime import STEP_SECONDS
from walkwire.walk.run.tasks import LIFE_SECONDS, Runner

PROGRAM = Path(__file__).parent / "programs" / "walks.py"
NOBODY = "n:Secret:" + "0" * 24


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAM, tmp_path_factory.mktemp("walks"), threads="4") as server:
        yield server


def stored(server: Server, reference: str) -> dict[str, Any]:
    """The fields of a record, as they are in the database."""
    with closing(sqlite3.connect(server.log.parent / "walkwire.db")) as database:
        (data,) = database.execute("select data from nodes where id = ?", [reference[-24:]]).fetchone()
    return dict(json.loads(data))


def overwrite(server: Server, reference: str, **fields: Any) -> None:
    """Write fields of a record past the server, as an older version might have."""
    data = json.dumps(stored(server, reference) | fields)
    with closing(sqlite3.connect(server.log.parent / "walkwire.db")) as database, database:
        database.execute("update nodes set data = ? where id = ?", [data, reference[-24:]])


async def test_walks_inside_walks_need_no_second_thread(server: Server) -> None:
    """A5. Plain walks spawn async ones, which spawn plain ones: as many at once as there are threads, and then more."""
    person = await server.person("spawner")
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*[server.walk("outer", person.token, at_once=4) for _ in range(12)])
        assert answers == [["done"]] * 12
        assert await server.walk("nap", person.token) == ["awake"]


@pytest.mark.parametrize("field", ["anything", "mixed", "table"])
async def test_what_a_stranger_wrote_is_never_a_reference(server: Server, field: str) -> None:
    """A3. JSON of a client comes back as it went in: it reads nobody's node, makes no object, and spoils no list."""
    owner, stranger = await server.person("owner"), await server.person("stranger")
    (board,) = await server.walk("make_board", owner.token)
    (secret,) = await server.walk("make_secret", owner.token)
    marks: list[dict[str, Any]] = [
        {"$node": secret},
        {"$node": "no reference"},
        {"$node": 5},
        {"$obj": "Thing", "name": "made"},
        {"$obj": "Secret"},
        {"$obj": "NoSuchClass"},
        {"$$node": secret},
        {"$node": secret, "$obj": "Thing"},
        {"inside": [{"$node": secret}, {"$obj": "Thing"}]},
    ]
    for mark in marks:
        await server.walk("pin", stranger.token, board, **{field: mark})
    index = ["anything", "mixed", "table"].index(field)
    # When a third person reads them, and the owner of the secret
    for reader in (await server.person("third"), owner):
        read = await server.walk("read_board", reader.token, board)
        assert [note[index] for note in read] == marks


async def test_a_record_of_before_stays_readable(server: Server) -> None:
    """A3. An older version stored such JSON as it came. What cannot be a reference there is None, and its list is readable."""
    owner = await server.person("owner")
    (board,) = await server.walk("make_board", owner.token)
    await server.walk("pin", owner.token, board, mixed={"old": 1})
    (links,) = await server.walk("make_chain", owner.token, length=2)
    overwrite(server, links[0], next={"$node": "no reference"})
    assert await server.walk("read_link", owner.token, links[0]) == [[0, None, [1, None, 0]]]
    overwrite(server, links[0], next={"$node": links[1]})
    assert await server.walk("read_link", owner.token, links[0]) == [[0, 1, [1, None, 0]]]


async def test_a_long_chain_of_references_is_read_link_by_link(server: Server) -> None:
    """A4. A record is readable however many others hang on it, and so is its print."""
    person = await server.person("chained")
    (links,) = await server.walk("make_chain", person.token, length=2000)
    assert await server.walk("read_link", person.token, links[0]) == [[0, 1, [1, None, 0]]]
    assert await server.walk("read_link", person.token, links[1998]) == [[1998, 1999, [1999, None, 0]]]
    (printed,) = await server.walk("print_link", person.token, links[0])
    assert printed["context"]["next"]["context"]["next"]["context"]["number"] == 2


async def test_a_reference_to_what_is_gone_or_forbidden_is_kept(server: Server) -> None:
    """A4. Who may not read the target sees None, can use the record, and does not take the reference away by writing it."""
    owner, other = await server.person("owner"), await server.person("other")
    (links,) = await server.walk("make_chain", owner.token, length=3, readable_by_all=False)
    await server.walk("share", owner.token, links[0], root=other.root_id)
    assert await server.walk("read_link", other.token, links[0]) == [[0, None, [None, None, 0]]]
    await server.walk("renumber", other.token, links[0], number=7)
    assert await server.walk("read_link", owner.token, links[0]) == [[7, 1, [1, None, 7]]]
    # What is deleted is None as well, and its reference stays
    await server.walk("remove", owner.token, links[1])
    before = stored(server, links[0])
    await server.walk("renumber", owner.token, links[0], number=8)
    assert stored(server, links[0]) == before | {"number": 8}
    assert before["next"] == {"$node": links[1]}
    # and only a program's own None takes it away
    await server.walk("unlink", owner.token, links[0])
    assert stored(server, links[0])["next"] is None
    assert await server.walk("read_link", owner.token, links[0]) == [[8, None, [None, 8]]]


async def test_a_field_takes_only_the_class_that_it_names(server: Server) -> None:
    """A13. A reference to a record of another class, or to a root, is answered as one to nothing, over REST and the socket."""
    person = await server.person("taker")
    (board,) = await server.walk("make_board", person.token)
    (secret,) = await server.walk("make_secret", person.token)
    assert await server.walk("take", person.token, board=board, more=[board]) == ["the board"]
    async with server.connect(person.token) as socket:
        for wrong in (secret, person.root_id, NOBODY):
            expected = f"You don't have access on target entry {wrong}!"
            for fields in ({"board": wrong}, {"board": board, "more": [board, wrong]}):
                answer = await server.post("/walker/take", fields, person.token)
                assert (answer.status_code, answer.json()["detail"]["error"]) == (403, expected)
                event = {"type": "walker", "walker": "take", "context": fields, "id": 1}
                heard = await socket.ask(event)
                assert heard["error"] == {"code": "no_access", "message": expected}, heard


class ClockAhead:
    """A store whose database has a clock that is 20 seconds ahead of this server's."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def now(self) -> float:
        return time.time() + 20


async def test_a_server_whose_clock_is_behind_keeps_its_tasks(tmp_path: Path) -> None:
    """A15. Leases are times of the database's clock, so a server whose own clock is right does not end them."""
    store = ClockAhead(open_store(f"sqlite:///{tmp_path}/a.db"))
    walker = NodeRecord(new_id(), "w:tour", PUBLIC_ROOT, 1, "{}")
    task = TaskRecord(walker.id, "tour", PUBLIC_ROOT, None, "PENDING", None, time.time())
    store.commit(Reads(), Changes(new_nodes=[walker], new_tasks=[task]), lambda: None)
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def walk(record: TaskRecord, server: str) -> None:
        begun.set()
        await may_end.wait()

    async with Asking() as asking:
        runner = Runner(store, asking, walk, at_once=1)  # type: ignore[arg-type]
        runner.start()
        await asyncio.wait_for(begun.wait(), 20)
        assert store.abandon_tasks(store.now(), "[]") == 0  # as another server does
        assert store.abandon_tasks(store.now() + LIFE_SECONDS + 1, "[]") == 1  # it is no lease for ever
        may_end.set()
        await runner.stop(20)
    store.close()


async def test_one_user_has_so_many_walks_under_way_and_the_others_take_turns(tmp_path: Path) -> None:
    """A26. More of them are refused with a hint, and another's walk waits for one of theirs, not for all."""
    gate = tmp_path / "open"
    with Server(PROGRAM, tmp_path, threads="2", user_walks="8") as server:
        many, other = await server.person("many"), await server.person("other")
        nobody = NOBODY
        lingering = [
            asyncio.ensure_future(server.walk("linger", many.token, name=f"m{number}", file=str(gate)))
            for number in range(8)
        ]
        async with server.connect(many.token) as theirs, server.connect(other.token) as socket:
            # When all of their places are taken
            event = {"type": "walker", "walker": "find", "context": {"reference": nobody}, "response": True}
            while (await theirs.ask(event | {"id": 1})).get("error", {}).get("code") != "limited":
                pass
            refused = await server.post("/walker/find", {"reference": nobody}, many.token)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            # Then another one is still admitted
            fields = {"name": "other", "file": str(gate)}
            await socket.say({"type": "walker", "walker": "linger", "context": fields, "id": 2})
            await socket.settle()
            gate.touch()
            heard = await socket.hear()
        for answer in await asyncio.gather(*lingering):
            assert "m" in answer[0][0]
        order = heard["data"]["reports"][0] if "data" in heard else heard["reports"][0]
        assert order.index("other") <= 4, order
        # and they have all of their places again
        assert await server.walk("find", many.token, reference=nobody) == [True]


async def test_callers_who_are_not_signed_in_are_counted_by_address(tmp_path: Path) -> None:
    """A26. They share one root, but one of them does not use up the places of the others."""
    gate = tmp_path / "open"
    with Server(PROGRAM, tmp_path, threads="2", user_walks="4", trusted_proxies="127.0.0.1") as server:
        path, fields = "/walker/linger_anonymously", {"name": "a", "file": str(gate)}

        async def linger(address: str) -> Any:
            headers = {"X-Forwarded-For": address}
            async with client(base_url=server.url, headers=headers) as http:
                return await http.post(path, json=fields)

        lingering = [asyncio.ensure_future(linger("192.0.2.1")) for _ in range(5)]
        done, waiting = await asyncio.wait(lingering, return_when=asyncio.FIRST_COMPLETED)
        assert [one.result().status_code for one in done] == [429]
        other = asyncio.ensure_future(linger("192.0.2.2"))
        person = await server.person("signed-in")
        signed_in = asyncio.ensure_future(server.walk("linger", person.token, **fields))
        gate.touch()
        assert [(await one).status_code for one in (*waiting, other)] == [200] * 5
        assert await signed_in


async def test_a_commit_in_an_async_ability_holds_up_nobody(server: Server) -> None:
    """A6. Walks that contend for one record all end, one after another, and the loop that they share goes on meanwhile."""
    owner = await server.person("owner")
    (board,) = await server.walk("make_board", owner.token)
    counting: set[asyncio.Task[Any]] = set()
    for _ in range(4):  # some begin while others hold locks already
        counting |= {
            asyncio.create_task(server.post(f"/walker/count/{board}", {}, owner.token)) for _ in range(4)
        }
        await asyncio.wait(counting, return_when=asyncio.FIRST_COMPLETED)
        assert await server.walk("nap", owner.token) == ["awake"]
    await asyncio.wait(counting)
    answers = [one.result() for one in counting]
    assert [answer.status_code for answer in answers] == [200] * 16, [answer.text for answer in answers]
    assert stored(server, board)["title"] == "the board" + 16 * "+"


async def test_one_user_has_so_many_pending_tasks(tmp_path: Path) -> None:
    """Section B. One more is refused, with all that its walk did; others are not concerned."""
    with Server(PROGRAM, tmp_path, user_tasks="3") as server:
        person, other = await server.person("planner"), await server.person("other")
        answers = [await server.post("/walker/plan", {}, person.token) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert "tasks are pending" in answers[3].json()["detail"]["error"]
        assert await server.walk("boards", person.token) == [3]
        assert await server.walk("plan", other.token) == []


async def test_forbidden_and_absent_look_the_same(server: Server) -> None:
    """A31. The same words, after the same multiple of a time that is longer than either takes."""
    owner, other = await server.person("owner"), await server.person("other")
    (secret,) = await server.walk("make_secret", owner.token)
    clock = asyncio.get_running_loop().time
    for target in (secret, NOBODY):
        before = clock()
        answer = await server.post(f"/walker/read_link/{target}", {}, other.token)
        assert clock() - before >= STEP_SECONDS
        assert (answer.status_code, answer.json()["detail"]["error"]) == (
            403,
            f"You don't have access on target entry {target}!",
        )
