"""A program's own names: whatever its fields, methods and abilities are called, none of walkwire's names is in their way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from walkwire.dialect import bases
from walkwire.dialect.user import BaseUser
from walkwire.testing import Client, serve
from walkwire.walk.archetypes.anchor import Anchor
from walkwire.walk.archetypes.edge import GenericEdge
from walkwire.walk.archetypes.root import Root
from walkwire.walk.walker.walker import AnchorOfWalker

CLASSES = (
    bases.NodeArchetype,
    bases.EdgeArchetype,
    bases.WalkerArchetype,
    bases.Archetype,
    Root,
    GenericEdge,
    Anchor,
    AnchorOfWalker,
)
# Two underscores on both sides are Python's, and Jac's own: `__jac__`, `__specs__`.
NAMES = sorted(
    {
        name
        for cls in CLASSES
        for base in cls.__mro__
        if base.__module__.startswith("walkwire.")
        for name in vars(base)
        if not name.startswith("__")
    }
    | {
        "visit",
        "ignore",
        "report",
        "skip",
        "disengage",
        "spawn",
        "aspawn",
        "reports",
        "targets",
        "kind",
        "walker",
    }
)

JAC = """
obj FieldObj{n} {{ has {name}: int = 4; }}
node FieldNode{n} {{
    has {name}: int;
    can meet with field_{n} entry {{ report ["meet", self.{name}, visitor.{name}]; }}
}}
edge FieldEdge{n} {{ has {name}: int; }}
walker field_{n} {{
    has {name}: int;
    can begin with `root entry {{
        here +>:FieldEdge{n}:{name}=2:+> FieldNode{n}({name}=3);
        visit [-->](`?FieldNode{n});
        report [self.{name}, FieldObj{n}().{name}];
    }}
    can look with FieldNode{n} entry {{ self.{name} = 9; here.{name} += 1; report here.{name}; }}
}}
walker read_{n} {{
    can begin with `root entry {{
        report [[one.{name} for one in [->:FieldEdge{n}:{name} == 2:->]],
            [one.{name} for one in [edge ->:FieldEdge{n}:->]]];
        walker_of_it = here spawn field_{n}({name}=5);
        report walker_of_it.{name};
    }}
}}

obj MethodObj{n} {{ has x: int = 4; def {name}(y: int) -> int {{ return self.x + y; }} }}
node MethodNode{n} {{ has x: int = 3; def {name}(y: int) -> int {{ return self.x + y; }} }}
edge MethodEdge{n} {{ has x: int = 2; def {name}(y: int) -> int {{ return self.x + y; }} }}
walker method_{n} {{
    has x: int = 1;
    def {name}(y: int) -> int {{ return self.x + y; }}
    can begin with `root entry {{
        here +>:MethodEdge{n}():+> MethodNode{n}();
        visit [-->](`?MethodNode{n});
        report [self.{name}(10), MethodObj{n}().{name}(10), [edge ->:MethodEdge{n}:->][0].{name}(10)];
    }}
    can look with MethodNode{n} entry {{ report here.{name}(10); disengage; }}
    can never with exit {{ report "not after disengage"; }}
}}

node AbilityNode{n} {{ can {name} with ability_{n} entry {{ report "node"; visit [-->]; }} }}
edge AbilityEdge{n} {{ can {name} with ability_{n} entry {{ report "edge"; }} }}
walker ability_{n} {{
    can {name} with `root entry {{
        here +>:AbilityEdge{n}:+> AbilityNode{n}();
        visit [edge ->:AbilityEdge{n}:->];
        report "root";
    }}
    can leave with AbilityNode{n} exit {{ report "leave"; }}
}}
"""

PYTHON = """
from walkwire import Edge, Node, Root, Walker, on_entry, on_exit
from walkwire.walk.archetypes.obj import Obj

class FieldObj{n}(Obj):
    {name}: int = 4

class FieldNode{n}(Node):
    {name}: int
    @on_entry
    def meet(self, visitor: "field_{n}"):
        Walker.report(visitor, ["meet", self.{name}, visitor.{name}])

class FieldEdge{n}(Edge):
    {name}: int

class field_{n}(Walker):
    {name}: int
    @on_entry
    def begin(self, here: Root):
        here.connect(FieldNode{n}({name}=3), FieldEdge{n}({name}=2))
        Walker.visit(self, here.out(FieldNode{n}))
        Walker.report(self, [self.{name}, FieldObj{n}().{name}])
    @on_entry
    def look(self, here: FieldNode{n}):
        self.{name} = 9
        here.{name} += 1
        Walker.report(self, here.{name})

class read_{n}(Walker):
    @on_entry
    def begin(self, here: Root):
        self.report([[one.{name} for one in here.out(FieldNode{n})], [one.{name} for one in here.edges(FieldEdge{n})]])
        self.report(Walker.spawn(field_{n}({name}=5), here).{name})

class MethodObj{n}(Obj):
    x: int = 4
    def {name}(self, y): return self.x + y

class MethodNode{n}(Node):
    x: int = 3
    def {name}(self, y): return self.x + y

class MethodEdge{n}(Edge):
    x: int = 2
    def {name}(self, y): return self.x + y

class method_{n}(Walker):
    x: int = 1
    def {name}(self, y): return self.x + y
    @on_entry
    def begin(self, here: Root):
        here.connect(MethodNode{n}(), MethodEdge{n}())
        Walker.visit(self, here.out(MethodNode{n}))
        Walker.report(
            self, [self.{name}(10), MethodObj{n}().{name}(10), here.edges(MethodEdge{n})[0].{name}(10)]
        )
    @on_entry
    def look(self, here: MethodNode{n}):
        Walker.report(self, here.{name}(10))
        Walker.disengage(self)
    @on_exit
    def never(self):
        Walker.report(self, "not after disengage")

class AbilityNode{n}(Node):
    @on_entry
    def {name}(self, visitor: "ability_{n}"):
        Walker.report(visitor, "node")

class AbilityEdge{n}(Edge):
    @on_entry
    def {name}(self, visitor: "ability_{n}"):
        Walker.report(visitor, "edge")

class ability_{n}(Walker):
    @on_entry
    def {name}(self, here: Root):
        here.connect(AbilityNode{n}(), AbilityEdge{n}())
        Walker.visit(self, here.edges(AbilityEdge{n}))
        Walker.report(self, "root")
    @on_exit
    def leave(self, here: AbilityNode{n}):
        Walker.report(self, "leave")
"""


@pytest.fixture(scope="module", params=[(".jac", JAC), (".py", PYTHON)], ids=["jac", "python"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Classes for each name, all in one program."""
    suffix, classes = request.param
    file: Path = tmp_path_factory.mktemp("names") / f"main{suffix}"
    file.write_text("".join(classes.format(n=n, name=name) for n, name in enumerate(NAMES)))
    return file


@pytest.fixture
async def ada(program: Path) -> AsyncIterator[Client]:
    async with serve(program) as app:
        yield await app.user()


def test_the_names_are_all_there() -> None:
    assert {"out", "connect", "edges", "source", "target", "visit", "reports", "spawn", "archetype"} <= set(
        NAMES
    )


async def test_fields_methods_and_abilities_may_have_any_name(ada: Client) -> None:
    for n, name in enumerate(NAMES):
        without = await ada.request("POST", f"/walker/field_{n}", json={})
        assert (without.status, without.body["detail"][0]["loc"]) == (422, ["body", name])
        walked = await ada.post(f"field_{n}", **{name: 1})
        assert walked.reports == [[1, 4], 4, ["meet", 4, 9]], name
        read = await ada.post(f"read_{n}")
        assert read.reports[0] == [[4], [2]], name
        assert read.reports[-1] == 9, name
        assert (await ada.post(f"method_{n}")).reports == [[11, 14, 12], 13], name
        assert (await ada.post(f"ability_{n}")).reports == ["root", "edge", "node", "leave"], name


USERS = """
import from jac_cloud.jaseci.models {{ User as BaseUser }}

class User(BaseUser) {{
    has {name}: str;
}}

walker who {{
    can tell with `root entry {{ report [one.{name} for one in User.Collection.find({{"root_id": here.__jac__.id}})]; }}
}}
"""


@pytest.mark.parametrize(
    "name", [name for name in vars(BaseUser) if name[0] == "_" and name[1] != "_"] + ["_of", "_own"]
)
async def test_fields_of_users_may_have_the_private_names_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "main.jac").write_text(USERS.format(name=name))
    async with serve(tmp_path / "main.jac") as app:
        ada = await app.user(**{name: "hers"})
        assert (await ada.post("who")).reports == [["hers"]]
