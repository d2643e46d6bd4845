"""The graph's rights, attacked by every route to a node: nobody gets at what is not theirs, or learns that it is there."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import httpx
import pytest

from tests.databases import ENGINES, database
from tests.serving import PATIENCE, Person, Server, Socket, client
from walkwire import Edge, Node, delete, jid, jobj, perm_grant, root
from walkwire.ids import SYSTEM_ROOT, new_id
from walkwire.store import Changes, NodeRecord, Reads, Store, UserRecord
from walkwire.stores import open_store
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work

PROGRAMS = Path(__file__).parent / "programs"
SECRET = "the secret"
NEVER = "n:Card:" + "f" * 24
AT_ONCE = 8  # a refusal waits for the next step of 10 ms: so many wait together
LEVELS = {"NO_ACCESS": -1, "READ": 0, "CONNECT": 1, "WRITE": 2}
_READ, _CONNECT, _WRITE = LEVELS["READ"], LEVELS["CONNECT"], LEVELS["WRITE"]


T = TypeVar("T")


class Route(NamedTuple):
    """A way to a card that is somebody else's.

    - walker: who goes this way
    - needs: the level on the card with which it gets there
    - at: where it enters: "card", "edge" (to the card), "holder" (a stranger's node, which is joined with the card), "root"
    - given: what its field `target` is: "card", "edge", or nothing
    - jac: whether the program in Jac has it as well
    """

    walker: str
    needs: int
    at: str = "root"
    given: str = ""
    jac: bool = True


ROUTES = (
    Route("look", _READ, "card"),
    Route("greeted", _READ, "card"),
    Route("anywhere", _READ, "card", jac=False),
    Route("refer", _READ, given="card"),
    Route("refer_twice", _READ, given="card", jac=False),
    Route("handle", _READ, given="card"),
    Route("in_memory", _READ, given="card", jac=False),
    Route("collected", _READ, given="card", jac=False),
    Route("edges_collected", _READ, given="edge", jac=False),
    Route("visits", _READ, given="card"),
    Route("spawns", _READ, given="card"),
    Route("held", _READ, "holder"),
    Route("held_in_report", _READ, "holder"),
    Route("neighbours", _READ, "holder"),
    Route("filtered", _READ, "holder"),
    Route("ends", _READ, "holder"),
    Route("edge_end", _READ, given="edge"),
    Route("drawn", _READ, "holder", jac=False),
    Route("kept", _READ, jac=False),
    Route("kept_visited", _READ, jac=False),
    Route("joins", _CONNECT, given="card"),
    Route("joins_from_afar", _CONNECT, given="card"),
    Route("adds", _CONNECT, given="card"),
    Route("cuts", _CONNECT, "holder"),
    Route("cuts_edge", _CONNECT, given="edge", jac=False),
    Route("assigns", _WRITE, given="card"),
    Route("appends", _WRITE, given="card"),
    Route("removes", _WRITE, given="card"),
    Route("opens", _WRITE, given="card"),
    Route("allows", _WRITE, given="card", jac=False),
    Route("replaces", _WRITE, given="card"),
    Route("closes", _WRITE, given="card", jac=False),
    Route("gives_up", _WRITE, given="card", jac=False),
)
# The program keeps the one card of the latest scene in a global.
OF_THE_LATEST = [route for route in ROUTES if route.walker.startswith("kept")]
# Routes by an id that a client gives: nothing tells there whether the id is one of a record.
BY_ID = [route for route in ROUTES if route.at in ("card", "edge") or route.given]


class Scene(NamedTuple):
    """A card of the owner, and what a stranger has of it, by the names of `Route`."""

    card: str
    edge: str
    holder: str


class World:
    """A server, the owner of cards, and a stranger."""

    def __init__(self, server: Server, owner: Person, stranger: Person, http: httpx.AsyncClient) -> None:
        self.server, self.owner, self.stranger = server, owner, stranger
        self._http = http

    async def ask_rest(self, method: str, path: str, who: Person, body: Any = None) -> httpx.Response:
        """A request of one of the two."""
        headers = {"Authorization": f"Bearer {who.token}"}
        return await self._http.request(method, path, headers=headers, json=body)

    async def walk(self, walker: str, who: Person, **fields: Any) -> Any:
        """Run a walker, and give what it reported."""
        answer = await self.ask_rest("POST", f"/walker/{walker}", who, fields)
        assert answer.is_success, answer.text
        return answer.json()["reports"]

    async def card(self) -> str:
        """A card that only its owner may read."""
        ((card, _),) = await self.walk("make_card", self.owner)
        return str(card)

    async def scene(self, level: str) -> Scene:
        """Make a card which the stranger may use at this level; before, they could join it."""
        card = await self.card()
        await self.let(card, "CONNECT")
        ((holder, edge),) = await self.walk("hold", self.stranger, target=card)
        await self.let(card, level)
        return Scene(card, edge, holder)

    async def let(self, target: str, level: str | None) -> None:
        """Give the stranger a level on a card, or on the owner's root."""
        to = self.stranger.root_id
        await self.walk("let", self.owner, target=target, to=to, level=level)

    async def go(self, route: Route, scene: Scene) -> Any:
        """Let the stranger take a route, and return the status and the text of the answer."""
        entry = "" if route.at == "root" else f"/{getattr(scene, route.at)}"
        body = {"target": getattr(scene, route.given)} if route.given else {}
        answer = await self.ask_rest("POST", f"/walker/{route.walker}{entry}", self.stranger, body)
        return answer.status_code, answer.text

    async def ask(self, socket: Socket, route: Route, scene: Scene) -> Any:
        """As `go`, by an event."""
        node = None if route.at == "root" else getattr(scene, route.at)
        context = {"target": getattr(scene, route.given)} if route.given else {}
        event = {"type": "walker", "walker": route.walker, "node": node, "context": context}
        return await socket.ask(event | {"response": True, "id": 1})

    async def seen_by_owner(self, card: str) -> Any:
        """Everything that the owner sees of a card: its fields, and its edges."""
        path = f"/util/traverse?source={card}&depth=1&detailed=true"
        return (await self.ask_rest("GET", path, self.owner)).json()


@contextmanager
def serve(program: str, engine: str, folder: Path) -> Iterator[Server]:
    settings = {"token_secret": "s" * 32, "event_rate": "0"}
    with (
        database(engine, folder) as url,
        Server(PROGRAMS / program, folder, "--production", database=url, **settings) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The program in Python, over SQLite."""
    with serve("rights.py", "sqlite", tmp_path_factory.mktemp("rights")) as server:
        yield server


@asynccontextmanager
async def people(server: Server) -> AsyncIterator[World]:
    async with client(base_url=server.url) as http:
        yield World(server, await server.person("owner"), await server.person("stranger"), http)


@pytest.fixture
async def world(python: Server) -> AsyncIterator[World]:
    async with people(python) as made:
        yield made


async def for_each(things: Iterable[T], act: Callable[[T], Awaitable[None]]) -> None:
    """Act upon all of them, `AT_ONCE` at a time."""
    waiting = iter(things)

    async def one_by_one() -> None:
        for thing in waiting:
            await act(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(one_by_one())


def is_there(answer: tuple[int, str]) -> bool:
    """Whether a route led to the card."""
    status, text = answer
    return status == 200 and (SECRET in text or '"done"' in text)


@pytest.mark.parametrize(
    ("program", "engine"),
    [
        ("rights.py", "sqlite"),
        pytest.param("rights.py", "postgres", marks=pytest.mark.long),
        ("rights.jac", "sqlite"),
        pytest.param("rights.jac", "postgres", marks=pytest.mark.long),
    ],
)
async def test_a_route_leads_to_a_card_with_the_right_and_only_then(
    program: str, engine: str, tmp_path: Path
) -> None:
    """All routes, at each level: without the right nothing is told, and nothing is changed."""
    routes = [route for route in ROUTES if route.jac or program == "rights.py"]
    wrong = []

    async def take(level: str, route: Route, scene: Scene, before: Any = None) -> None:
        is_allowed = LEVELS[level] >= route.needs
        before = before or (None if is_allowed else await world.seen_by_owner(scene.card))
        answer = await world.go(route, scene)
        if is_there(answer) != is_allowed or (LEVELS[level] < _READ and SECRET in answer[1]):
            wrong.append((route.walker, level, answer))
        if not is_allowed:
            assert await world.seen_by_owner(scene.card) == before, (level, route)

    async def take_all(level: str) -> None:
        shared = await world.scene(level)  # for those that are refused, and so change nothing
        unchanged = await world.seen_by_owner(shared.card)
        for route in routes:
            if route not in OF_THE_LATEST:
                is_allowed = LEVELS[level] >= route.needs
                scene = (await world.scene(level), None) if is_allowed else (shared, unchanged)
                await take(level, route, *scene)

    with serve(program, engine, tmp_path) as server:
        async with people(server) as world:
            await for_each(LEVELS, take_all)
            for level, route in itertools.product(LEVELS, OF_THE_LATEST):
                if route in routes:
                    await take(level, route, await world.scene(level))
    assert not wrong, "\n".join(map(str, wrong))


# What is absent, and what is forbidden


def plant(server: Server, owner: str, data: str, kind: str = "Card") -> str:
    """Put a record into the database of a server, past the server, and return its reference."""
    store = open_store(f"sqlite:///{server.log.parent / 'test.db'}")
    record = NodeRecord(new_id(), kind, owner, 0, data)
    store.commit(Reads(), Changes(new_nodes=[record]), lambda: None)
    store.close()
    return f"{kind}:{record.id}" if kind[1:2] == ":" else f"n:{kind}:{record.id}"


async def hidden(world: World) -> dict[str, str]:
    """References that a stranger may not follow, each for a reason of its own."""
    server = world.server
    scene, gone = await world.scene("NO_ACCESS"), await world.card()
    ((_, edge),) = await server.walk("make_card", world.owner.token)
    await server.walk("drop", world.owner.token, target=gone)
    return {
        "a card": scene.card,
        "a card of another name": f"n:Other:{scene.card[-24:]}",
        "a card without a name": scene.card[-24:],
        "a card once joined, by its edge": scene.edge,
        "an edge": edge,
        "an edge, as a node": f"n:Card:{edge[-24:]}",
        "a deleted card": gone,
        "a root": world.owner.root_id,
        "the system's root": f"n::{SYSTEM_ROOT}",
        "no root": "n::" + "e" * 24,
        "a card of the system": plant(server, SYSTEM_ROOT, '{"text": "the secret"}'),
        "a card of nobody": plant(server, new_id(), '{"text": "the secret"}'),
        "a card that does not fit its class": plant(server, world.owner.root_id[-24:], '{"text": []}'),
        "a walker": plant(server, world.owner.root_id[-24:], "{}", "w:look"),
        "a club": plant(server, world.owner.root_id[-24:], '{"members": 5}', "Club"),
        "nothing": NEVER,
    }


async def test_what_is_forbidden_is_answered_as_what_is_absent(python: Server, world: World) -> None:
    """By every route on which a client gives an id, over REST and over the socket."""
    absent: dict[tuple[Route, str], str] = {}
    wrong = []

    async def answer(route: Route, reference: str) -> str:
        scene = Scene(reference, reference, reference)
        socket = sockets.pop()
        told = await asyncio.gather(world.go(route, scene), world.ask(socket, route, scene))
        sockets.append(socket)
        return _without_ids(str(told), reference)

    async def ask_for_nothing(asked: tuple[Route, str]) -> None:
        route, spelling = asked
        absent[asked] = await answer(route, spelling + NEVER[-24:])

    async def ask_for_hidden(asked: tuple[Route, tuple[str, str]]) -> None:
        route, (name, reference) = asked
        told, expected = await answer(route, reference), absent[route, reference[:-24]]
        if told != expected or SECRET in told:
            wrong.append(f"{route.walker}, {name}: {told} is not {expected}")

    async with AsyncExitStack() as stack:
        connecting = [python.connect(world.stranger.token) for _ in range(AT_ONCE)]
        sockets = [await stack.enter_async_context(socket) for socket in connecting]
        references = await hidden(world)
        spellings = {reference[:-24] for reference in references.values()}
        await for_each(itertools.product(BY_ID, spellings), ask_for_nothing)
        await for_each(itertools.product(BY_ID, references.items()), ask_for_hidden)
    assert not wrong, "\n".join(wrong)


def _without_ids(answer: str, reference: str) -> str:
    """Return an answer without what differs in any case: the id that was given, and the number of an internal error."""
    return re.sub(r"reference [0-9a-f]{8}", "reference …", answer.replace(reference[-24:], "…"))


async def test_a_stranger_learns_nothing_from_other_routes_either(python: Server, world: World) -> None:
    """Fields of a walker, forms, `/util/traverse`, webhooks, and walks for later."""
    token = world.stranger.token
    key = {"name": new_id(), "walkers": ["hooked"], "nodes": ["Card"]}
    made = (await python.post("/webhook/generate-key", key, token)).json()["key"]

    async def outcomes(reference: str) -> list[Any]:
        file = {"file": ("a.txt", b"")}
        body = {"body": json.dumps({"card": reference})}
        found = [
            await python.post("/walker/takes", {"card": reference}, token),
            await python.post("/walker/takes", {"card": mine, "more": [mine, reference]}, token),
            await python.post("/walker/take_later", {"card": reference}, token),
            await python.request("POST", "/walker/takes_with_file", token, data=body, files=file),
            await python.request("GET", f"/util/traverse?source={reference}&detailed=true", token),
            await python.request("GET", f"/util/traverse-stream?source={reference}", token),
        ]
        if reference[:1] == "n":  # the path of a request names nothing else
            found.append(await python.post(f"/walker/later/{reference}", {}, token))
            async with client(base_url=python.url) as http:
                path = f"/webhook/walker/hooked/{reference}"
                found.append(await http.post(path, headers={"X-Hook": made}))
        return [(one.status_code, _without_ids(one.text, reference)) for one in found]

    ((mine, _),) = await python.walk("make_card", token)
    assert [status for status, _ in await outcomes(mine)] == [200] * 8

    async def is_as_absent(named: tuple[str, str]) -> None:
        name, reference = named
        told = await outcomes(reference)
        assert told == await outcomes(reference[:-24] + NEVER[-24:]), name
        assert {status for status, _ in told} == {403}, name
        assert SECRET not in str(told)

    await for_each((await hidden(world)).items(), is_as_absent)


async def test_a_task_has_the_rights_of_who_ordered_it(python: Server, world: World) -> None:
    """When it runs, and not when it was ordered. Another one's stored walk is as absent as any record."""
    token, card = world.stranger.token, await world.card()

    async def outcome(task: str) -> Any:
        async with asyncio.timeout(PATIENCE):
            found = None
            while found is None or found[0] in ("PENDING", "STARTED"):
                (found,) = await python.walk("outcome", token, target=task)
        return found

    ends = []
    for reference in (card, NEVER):
        (task,) = await python.walk("tasked", token, target=reference)
        ends.append(await outcome(task))
    assert ends[0][0] == "ERROR"
    assert str(ends[0]).replace(card[-24:], "…") == str(ends[1]).replace(NEVER[-24:], "…")
    refused = await python.post("/walker/outcome", {"target": task}, world.owner.token)
    assert (refused.status_code, task in refused.text) == (403, True)


async def test_the_handle_of_a_root_allows_nothing(python: Server, world: World) -> None:
    """A reference to a root is taken without a question. What is done with it is refused, whether the root is there or not."""
    card = await world.card()
    for how in ("out", "connect", "into", "grant", "spawn", "level"):
        told = []
        for reference in (world.owner.root_id, "n::" + card[-24:], "n::" + NEVER[-24:]):
            answer = await python.post(
                "/walker/uses_root", {"target": reference, "how": how}, world.stranger.token
            )
            told.append((answer.status_code, _without_ids(answer.text, reference)))
        assert told[0] == told[1] == told[2], how
        assert told[0][0] == 403, how
    holder = (await world.scene("NO_ACCESS")).holder
    for name in ("refer_past", "empties", "collected_by_owner"):
        body = {"target": world.owner.root_id if name != "refer_past" else card}
        answer = await python.post(
            f"/walker/{name}" + (f"/{holder}" if name == "refer_past" else ""), body, world.stranger.token
        )
        assert SECRET not in answer.text
        assert '"done"' not in answer.text or name == "empties"
    assert await python.walk("look", world.owner.token, card) == [SECRET]


async def test_nobody_gives_a_right_to_themselves_by_a_change_that_needs_it(
    python: Server, world: World
) -> None:
    """A rule of the program reads a field that the walk has changed. What was stored decides."""
    for how in ("append", "assign", "delete", "connect"):
        (club,) = await python.walk("make_club", world.owner.token)
        body = {"target": club, "how": how}
        answer = await python.post("/walker/enrols", body, world.stranger.token)
        assert answer.status_code == 403, how
        assert await python.walk("read_club", world.owner.token, target=club) == [["the club", []]], how
    await python.walk("founds", world.owner.token, target=club, member=world.stranger.root_id)
    for how in ("append", "assign", "connect"):
        await python.walk("enrols", world.stranger.token, target=club, how=how)


async def test_a_right_may_be_given_up_by_who_has_it(python: Server, world: World) -> None:
    """A walk that gives up the right by which it makes a change is not refused for lack of it."""
    (club,) = await python.walk("make_club", world.owner.token)
    await python.walk("founds", world.owner.token, target=club, member=world.stranger.root_id)
    assert await python.walk("resigns", world.stranger.token, target=club) == ["done"]
    assert await python.walk("read_club", world.owner.token, target=club) == [["the club", []]]
    assert (await python.post("/walker/resigns", {"target": club}, world.stranger.token)).status_code != 200
    scene = await world.scene("WRITE")
    assert await python.walk("gives_up", world.stranger.token, target=scene.card) == ["done"]
    assert (await python.post(f"/walker/look/{scene.card}", {}, world.stranger.token)).status_code == 403


# At what cost


class Counted:
    """A store that notes what it is asked, by the name of the method. Its views are itself."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if name not in ("load_nodes", "load_edges", "load_neighbourhood", "check", "commit"):
            return value

        def called(*arguments: Any) -> Any:
            self.asked.append(name)
            return value(*arguments)

        return called

    def latest(self) -> Counted:
        """The newest commits, as before."""
        view = Counted(self._store.latest())
        view.asked = self.asked
        return view


class Paper(Node):
    text: str = ""


class Ruled(Node):
    """Nobody but its owner has a right to it, which takes no query to tell."""

    def __jac_access__(self) -> str:
        return "NO_ACCESS"


class Shelf(Node):
    papers: list[Any] = []


class Tie(Edge):
    weight: int = 0


def new_user(store: Store) -> str:
    """The id of the root of a new user."""
    user = UserRecord(new_id(), f"{new_id()}@example.com", "", new_id())
    store.add_user(user)
    return user.root_id


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_forbidden_costs_as_many_queries_as_what_is_absent(engine: str, tmp_path: Path) -> None:
    """A look-up of one id, of several, and of those in a field. So the time of the answer tells nothing either."""
    registry = Registry()
    registry.add_all([Paper, Ruled, Shelf, Tie])
    with database(engine, tmp_path) as url, closing(open_store(url)) as store:
        owner, stranger = new_user(store), new_user(store)
        with unit_of_work(store, registry, owner):
            paper, ruled, gone = (root().connect(one, Tie()) for one in (Paper(), Ruled(), Paper()))
            tie = root().edges(Tie, node=Paper)[0]
            shelves = [root().connect(Shelf([one] * 2 + [Paper()])) for one in (paper, gone, ruled)]
            for shelf in shelves:
                perm_grant(shelf)
            ids = {one.__jac__.id for one in (paper, ruled, tie, gone)} | {owner, SYSTEM_ROOT, new_id()}
        with unit_of_work(store, registry, owner):
            delete(jobj(jid(gone)))
        counted = Counted(store)

        def asked(*ids: str, shelf: str = "") -> tuple[str, ...]:
            counted.asked.clear()
            with unit_of_work(cast("Store", counted), registry, stranger) as walk:
                if len(ids) == 1:
                    assert walk.graph.find(ids[0]) is None
                    assert walk.graph.find(ids[0]) is None, "the second look asks for nothing"
                elif ids:
                    assert not any(walk.graph.find_all(ids))  # type: ignore[attr-defined]
                else:
                    assert jobj(shelf).papers == [None] * 3
            return tuple(sorted(counted.asked))

        assert {asked(id) for id in ids} == {
            ("check", "load_edges", "load_nodes", "load_nodes", "load_nodes")
        }
        assert len({asked(id, new_id(), id) for id in ids}) == 1
        assert len({asked(shelf=jid(shelf)) for shelf in shelves}) == 1
