"""Mistakes of a new user: each is found where it is made, and told in a sentence with the file, the line and what to write."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from walkwire import Node, Root, Walker, on_entry
from walkwire.check import errors_in
from walkwire.config import load as load_settings
from walkwire.errors import ProgramError, StartError
from walkwire.program import load
from walkwire.stores import open_store
from walkwire.testing import serve

REFERENCE = "n:Stop:672b35cec309e5ef8469c372"
PYTHON = """
from typing import Any, ClassVar

from walkwire import Edge, Node, Root, Walker, on_entry, socket


class Named:
    name: str


class Stop(Node, Named):
    name: str = ""
    when: Any = None
    COUNT: ClassVar[int] = 0
    _seen = 0

    @property
    def title(self) -> str:
        return self.name.title()

    @title.setter
    def title(self, value: str) -> None:
        self.name = value.lower()


class Terminus(Stop):
    tracks: int = 2


class Road(Edge):
    km: int = 0
"""
FIRST = PYTHON.count("\n") + 5  # the line of the body of the first walker
# By the body of the ability: the sentence, behind `main.py:LINE: `.
CALLS = {
    "here.out(Stop, nane='x')": "Stop has no field 'nane'. Is `name` meant?",
    "here.out(qzxw='x')": "No class of nodes has a field 'qzxw'.",
    "here.edges(Road, kms=1)": "Road has no field 'kms'. Is `km` meant?",
    "here.out(Road)": "Road is a class of edges, and nodes are selected here: write edge=Road",
    "here.into(int)": "int is no class of nodes, so nothing in the graph is of this class",
    "here.out(edge='Road')": "'Road' is no class: nodes and edges are selected by a class, such as Road, without quotes",
    "here.out(Stop())": "the node is no class: nodes and edges are selected by a class, such as Stop, without quotes",
    "here.connect(Stop)": "connect() takes a node, and not a class: write Stop()",
    "here.connect(Stop(), 'Road')": "connect() takes an edge or a class of edges, and not the text 'Road'",
    f"here.connect('{REFERENCE}')": f"connect() takes a node, and not the text '{REFERENCE}': write jobj('{REFERENCE}')",
    "here.connect(7)": "connect() takes a node, and not 7",
    f"self.visit('{REFERENCE}')": "a walk goes to nodes and edges, and not the text "
    f"'{REFERENCE}': write jobj('{REFERENCE}')",
    "self.visit(['Stop'])": "a walk goes to nodes and edges, and not the text 'Stop'",
    "self.visit(Stop)": "a walk goes to nodes and edges, and not to the class Stop",
    "type(self)().spawn(7)": "a walk goes to nodes and edges, and not to 7",
    "here.connect(Stop()).nmae = 'x'": "Stop has no field 'nmae', so this would not be stored. Is `name` meant? "
    "Declare it in the class (`nmae: str`), or name what is not to be stored `_nmae`",
    "here.connect(Stop(), Road()); here.edges(Road)[0].miles = 3": "Road has no field 'miles', so this would not be "
    "stored. Declare it in the class (`miles: str`), or name what is not to be stored `_miles`",
}
RIGHT = (
    "stop = Stop(); stop.title = 'A'; stop._mine = 1; stop._seen = 2; stop.when = 3; self.report(stop.name)",
    "here.out(Named); here.out(Named, name='x'); here.out(Stop, tracks=2); here.out(tracks=2, _mine=1)",
    "here.out(Stop | Terminus, edge=(Road,)); here.out(object); here.out(edge=Stop); here.edges(None, Stop)",
    "self.visit([]); self.visit(None); self.visit(x for x in here.out(Stop)); here.connect(Terminus(), Road)",
)


def _program(bodies: Any) -> str:
    """Return a program with one walker for each body, five lines each: its ability stands in the last but one."""
    walkers = (
        f"class w{number}(Walker):\n    @on_entry\n    def go(self, here: Root) -> None:\n        {body}\n"
        for number, body in enumerate(bodies)
    )
    return PYTHON + "\n" + "\n".join(walkers)


class _Heard(logging.Handler):
    """Keeps what the log says: each message, with the last line of its traceback."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        last = "" if error is None else "".join(traceback.format_exception_only(error)).strip()
        self.said.append(f"{record.getMessage()}\n{last}".strip())


async def _run_all(file: Path, count: int) -> list[tuple[int, str]]:
    log, heard = logging.getLogger("walkwire"), _Heard()
    log.addHandler(heard)
    try:
        async with serve(file) as app:
            ada = await app.user()
            answers = []
            for number in range(count):
                heard.said.clear()
                reply = await ada.post(f"w{number}")
                answers.append((reply.status, "\n".join(heard.said)))
            return answers
    finally:
        log.removeHandler(heard)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """By the body of an ability: the status of its walk, and what the log said."""
    folder = tmp_path_factory.mktemp("mistakes")
    bodies = [*CALLS, *RIGHT]
    (folder / "main.py").write_text(_program(bodies))
    return dict(zip(bodies, asyncio.run(_run_all(folder / "main.py", len(bodies))), strict=True))


@pytest.mark.parametrize("body", CALLS)
def test_a_wrong_call_is_told_with_the_line_and_the_fix(
    body: str, answers: dict[str, tuple[int, str]]
) -> None:
    status, said = answers[body]
    line = FIRST + 5 * list(CALLS).index(body)
    assert status == 500
    assert said.endswith(f"main.py:{line}: {CALLS[body]}")


@pytest.mark.parametrize("body", RIGHT)
def test_what_is_right_stays_right(body: str, answers: dict[str, tuple[int, str]]) -> None:
    assert answers[body] == (200, "")


# When classes are made, and when a program has been loaded


@pytest.mark.parametrize(
    ("here", "line", "sentence"),
    [
        (
            '"Stopp"',
            4,
            "go.look: there is no class Stopp. Is `Stop` meant? It has to be defined, or imported, "
            "when the program has been loaded",
        ),
        ("int", 4, "go.look: no walk ever comes to a value of the class int"),
        ("7", 4, "go.look: 7 is no class, so it cannot say where the ability runs"),
        ('"Stop | str"', 4, "go.look: no walk ever comes to a value of the class str"),
    ],
)
def test_an_ability_waits_for_a_class(here: str, line: int, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from walkwire import Node, Walker, on_entry\nclass go(Walker):\n    @on_entry\n"
        f"    def look(self, here: {here}): ...\nclass Stop(Node): ...\n"
    )
    with pytest.raises(ProgramError) as told:
        load(tmp_path / "main.py")
    assert str(told.value).startswith(f"{tmp_path}/main.py:{line}: {sentence}")
    assert told.value.text is not None


def test_a_class_of_python_is_refused_while_the_class_is_made() -> None:
    with pytest.raises(ProgramError, match=r"test_mistakes\.py:\d+: .*look: no walk ever comes to"):

        class go(Walker):
            @on_entry
            def look(self, here: int) -> None: ...


def test_a_class_that_is_defined_further_down_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from walkwire import Node, Walker, on_entry\nclass go(Walker):\n    @on_entry\n"
        '    def look(self, here: "Stop"): ...\n    @on_entry(lambda: Stop)\n    def again(self, here): ...\n'
        "class Stop(Node): ...\n"
    )
    assert set(load(tmp_path / "main.py").walkers) == {"go"}


JAC = {
    "can a with root entry { }": "`root` is a node, and an ability waits for a class: write `` `root ``, with a backtick",
    "can a with (Stop | root) entry { }": "`root` is a node",
    "can a with Stopp entry { }": "there is no class `Stopp`: is `Stop` meant?",
    "can a with `root entry { visit [-->](`?Stopp); }": "there is no class `Stopp`: is `Stop` meant?",
    "can a with `root entry { report [-->](`?Stopp)[0]; }": "there is no class `Stopp`: is `Stop` meant?",
    "can a with `root entry { report [->:Rode:->]; }": "there is no class `Rode`: is `Road` meant?",
    "can a with `root entry { report [->:Walk:->]; }": "there is no class `Walk`, and none is imported",
    "can a with `root entry { del [-->]; }": "`del` takes a variable: delete each node by `for x in [-->] { del x; }`, "
    "or the edges alone by `here del --> [-->];`",
    "can a with `root entry { del Stop(); }": "what a call gives cannot be deleted: `del` takes a variable. Give it a "
    "name first: `x = …; del x;`",
}


@pytest.mark.parametrize("member", JAC)
def test_check_finds_the_mistakes_of_a_jac_program(member: str, tmp_path: Path) -> None:
    text = f"node Stop {{ has name: str = ''; }}\nedge Road {{ }}\nwalker go {{\n    {member}\n}}\n"
    (tmp_path / "main.jac").write_text(text)
    (told,) = errors_in(tmp_path / "main.jac")
    assert told.line == 4
    assert told.message.startswith(JAC[member])


@pytest.mark.parametrize(
    "member",
    [
        "can a with `root entry { kind = Stop; visit [-->](`?kind); }",
        "can a with Root entry { for one in [Stop] { report [-->](`?one); } }",
        "can a with (Stop | `root) entry { report [->:Road:->](`?Stop); }",
        "can a with Any entry { }",
    ],
)
def test_check_knows_the_names_of_a_module(member: str, tmp_path: Path) -> None:
    text = "import from typing { Any }\nimport from jaclang.lib { Root }\nnode Stop { }\nedge Road { }\n"
    (tmp_path / "main.jac").write_text(f"{text}walker go {{\n    {member}\n}}\n")
    assert errors_in(tmp_path / "main.jac") == []


JAC_CALLS = {
    "here ++> Stop;": "connect() takes a node, and not a class: write Stop()",
    f"visit '{REFERENCE}';": f"a walk goes to nodes and edges, and not the text '{REFERENCE}': write &'{REFERENCE}'",
    "report [-->(`?Road)];": "Road is a class of edges, and nodes are selected here: write [->:Road:->]",
    "s = Stop(); s.nmae = 'x';": "Stop has no field 'nmae', so this would not be stored. Is `name` meant? "
    "Declare it in the class (`has nmae: str;`), or name what is not to be stored `_nmae`",
}


async def test_a_wrong_call_in_jac_is_told_with_its_line(tmp_path: Path) -> None:
    walkers = (
        f"walker w{number} {{\n    can a with `root entry {{ {body} }}\n}}\n"
        for number, body in enumerate(JAC_CALLS)
    )
    (tmp_path / "main.jac").write_text(
        f"node Stop {{ has name: str = ''; }}\nedge Road {{ }}\n{''.join(walkers)}"
    )
    answers = await _run_all(tmp_path / "main.jac", len(JAC_CALLS))
    for number, ((status, said), sentence) in enumerate(zip(answers, JAC_CALLS.values(), strict=True)):
        assert status == 500
        assert said.endswith(f"main.jac:{4 + 3 * number}: {sentence}")


# Values


class Strongbox(Node):
    """No other test has a class of this name: the classes of all tests in a process are known together."""

    what: Any = None


class tell(Walker):
    @on_entry
    def say(self, here: Root) -> None:
        self.report([1])
        self.report({"a": object()})


class keep_in_strongbox(Walker):
    @on_entry
    def put(self, here: Root) -> None:
        here.connect(Strongbox()).what = object()


class only_rest(Walker):
    @on_entry
    def go(self, here: Root) -> None:
        self.report("here")


async def test_a_value_without_a_json_form_is_told_with_the_line_that_reported_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(__import__(__name__, fromlist=["tell"])) as app:
        reply = await (await app.user()).post("tell")
    line = tell.say.__code__.co_firstlineno + 3
    assert reply.body == {"detail": {"error": "A value of the type object cannot be printed as JSON"}}
    assert f"test_mistakes.py:{line}: A value of the type object cannot be printed as JSON" in caplog.text


async def test_a_value_that_cannot_be_stored_is_told_with_the_lines_that_set_the_field(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serve(__import__(__name__, fromlist=["keep_in_strongbox"])) as app:
        reply = await (await app.user()).post("keep_in_strongbox")
    assert reply.status == 500
    line = keep_in_strongbox.put.__code__.co_firstlineno + 2
    assert "field 'what': cannot be stored" in caplog.text
    assert f"test_mistakes.py:{line}" in caplog.text.partition("; see ")[2].splitlines()[0]


# Over the socket, and around the program


async def test_the_log_says_why_the_socket_does_not_serve_a_walker(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serve(__import__(__name__, fromlist=["only_rest"])) as app,
        (await app.user()).socket() as socket,
    ):
        await socket.receive()
        for _ in range(2):
            await socket.send({"type": "walker", "walker": "only_rest", "context": {}})
            assert "Invalid request" in (await socket.receive())["error"]
    said = [record.getMessage() for record in caplog.records if "over the socket" in record.getMessage()]
    (told,) = said  # once
    assert "test_mistakes.py:" in told
    assert told.endswith("which its specs do not allow: write `methods = ['post', 'websocket']`")


async def test_a_receive_to_which_nothing_comes_says_what_was_heard() -> None:
    async with (
        serve(__import__(__name__, fromlist=["tell"])) as app,
        (await app.user()).socket("room") as socket,
    ):
        await socket.receive()
        with pytest.raises(TimeoutError) as told:
            await socket.receive(0.01)
    assert str(told.value).startswith(
        'Nothing came to this socket within 0.01 s. Before, it heard: {"type":"connection"'
    )
    assert str(told.value).endswith("It is in the channels room.")


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("WALKWIRE_PROT", "The environment has WALKWIRE_PROT, which is no setting: is WALKWIRE_PORT meant?"),
        (
            "walkwire_databse",
            "The environment has walkwire_databse, which is no setting: is WALKWIRE_DATABASE meant?",
        ),
        ("WALKWIRE_XYZZY", "The environment has WALKWIRE_XYZZY, which is no setting, and none is like it"),
    ],
)
def test_an_unknown_variable_is_refused(
    variable: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(StartError) as told:
        load_settings()
    assert str(told.value) == sentence


def test_a_database_that_does_not_exist_is_told_with_the_command_that_makes_it() -> None:
    from tests.databases import SERVER, USUAL

    url = (SERVER or USUAL[1]).rpartition("/")[0] + "/walkwire_no_such_database"
    with pytest.raises(StartError) as told:
        open_store(url)
    if "does not exist" not in str(told.value):
        pytest.skip("no PostgreSQL here")
    assert str(told.value).splitlines()[-1].startswith("Make it: createdb ")
    assert str(told.value).endswith(" walkwire_no_such_database")


@pytest.mark.parametrize("production", [False, True])
async def test_a_password_of_one_character_is_refused_in_production(production: bool) -> None:
    account = {"email": "ada@example.com", "password": "x"}
    async with serve(__import__(__name__, fromlist=["tell"]), production=production) as app:
        reply = await app.public().request("POST", "/user/register", json=account)
        if not production:
            assert reply.status == 201
            return
        assert reply.status == 422
        (detail,) = reply.body["detail"]
        assert detail["loc"] == ["body", "password"]
        assert detail["msg"] == "String should have at least 8 characters"
        ada = await app.user("ada@example.com", "long enough")
        change = {"old_password": "long enough", "new_password": "short"}
        reply = await ada.request("POST", "/user/change_password", json=change)
        assert reply.body["detail"][0]["loc"] == ["body", "new_password"]
