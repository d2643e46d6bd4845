"""What one stranger does with walks: nothing that others have to pay for, and nothing that they did not allow."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Server

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
                assert (answer.status_code, answer.json()["error"]) == (403, expected)
                event = {"type": "walker", "walker": "take", "context": fields, "id": 1}
                heard = await socket.ask(event)
                assert heard["error"] == {"code": "no_access", "message": expected}, heard
