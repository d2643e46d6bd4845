"""What Python code of a program imports from Jac's own packages means there what it means in Jac."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from walkwire import foreign
from walkwire.dialect import names
from walkwire.errors import ProgramError
from walkwire.testing import serve

HELPERS = """
import jac_cloud.core.context
from jac_cloud.core.archetype import BaseAnchor, NodeAnchor
from jac_cloud.core import context
from jac_cloud.jaseci.utils.logger import logger
from jac_cloud.plugin import WEBSOCKET_MANAGER as socket
from jaclang import JacMachineInterface as _
from jaclang.lib import jid, get_context
from bson import ObjectId


def counted(name, root_id):
    get_context().status = 202
    logger.info("counted")
    assert context.JaseciContext is jac_cloud.core.context.JaseciContext
    return NodeAnchor.Collection.count({"name": name, "root": ObjectId(root_id)})


def named(node):
    return [jid(node) == BaseAnchor.ref(jid(node)).ref_id == node.__jac__.ref_id, _.object_ref(node) == jid(node)]
"""
PROGRAM = """
import from helpers { counted, named }

::py::
from jac_cloud.plugin.implementation import create_task
::py::

node Thing {}

walker make {
    can go with `root entry {
        thing = Thing();
        here ++> thing;
        commit();
        report named(thing);
        report counted("Thing", here.__jac__.root);
    }
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "helpers.py").write_text(HELPERS)
    (tmp_path / "main.jac").write_text(PROGRAM)
    return tmp_path


async def test_a_python_module_of_a_jac_program_has_walkwire_s_names(folder: Path) -> None:
    async with serve(folder / "main.jac") as app:
        ada = await app.user()
        reply = await ada.post("make")
        assert (reply.status, reply.reports) == (202, [[True, True], 1])


async def test_a_program_in_python_has_them_too(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from jac_cloud.plugin import WEBSOCKET_MANAGER\nfrom jaclang.lib import *\n"
        "from walkwire import Root\n"
        "class go(Walker):\n"
        "    @on_entry\n"
        "    def look(self, here: Root) -> None:\n"
        "        log_report([WEBSOCKET_MANAGER.notify_self({}), jid(root()) == jid(here)])\n"
    )
    async with serve(tmp_path / "main.py") as app:
        assert (await (await app.user()).post("go")).reports == [[None, True]]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("from jac_cloud.core.context import ExecutionContext", "use get_context()"),
        (
            "from jaclang.compiler.program import JacProgram",
            "no counterpart for JacProgram of jaclang.compiler.program",
        ),
    ],
)
async def test_a_name_without_a_meaning_here_is_an_error_where_it_is_imported(
    line: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(f"x = 1\n{line}\n")
    with pytest.raises(ProgramError, match=r"main\.py:2") as error:
        async with serve(tmp_path / "main.py"):
            pass
    assert sentence in str(error.value)


def test_an_id_of_mongo_s_is_its_digits() -> None:
    foreign.install()
    bson = importlib.import_module("bson")
    digits = "0123456789abcdef01234567"
    assert str(bson.ObjectId(digits.upper())) == digits
    errors = importlib.import_module("bson.errors")
    assert bson.errors is errors
    assert importlib.import_module("bson.objectid").ObjectId is bson.ObjectId
    assert str(bson.ObjectId()) != str(bson.ObjectId())
    with pytest.raises(errors.InvalidId):
        bson.ObjectId("mine")
    with pytest.raises(ValueError, match="24 hex digits"):
        foreign.ObjectId("mine")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("bson.nothing")


def test_a_program_that_is_run_has_them(folder: Path) -> None:
    (folder / "helpers.py").write_text(
        "from jaclang.lib import jid\nfrom jac_cloud.core.archetype import NodeAnchor\n"
    )
    (folder / "run.jac").write_text("import from helpers { jid }\nwith entry { print(jid(root)[:3]); }\n")
    command = [sys.executable, "-m", "walkwire", "run", str(folder / "run.jac")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "n::\n"


def test_jac_and_python_mean_the_same_by_them() -> None:
    foreign.install()
    lib = importlib.import_module("jaclang.lib")
    assert lib.WEBSOCKET_MANAGER is names.socket
    assert set(lib.__all__) >= {"jid", "NodeAnchor", "create_task", "Walker"}
