"""`examples/kanban` is typed from end to end: from its walkers, by `walkwire types`, to the code of its page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import absent
from tests.journeys.test_client_js import CLIENT
from tests.journeys.test_client_js import module as module
from tests.serving import EXAMPLES
from walkwire.program import load_alone
from walkwire.types.shapes import shapes_of
from walkwire.types.typescript import typescript_of

OPTIONS = {
    **{"strict": True, "noUncheckedIndexedAccess": True, "exactOptionalPropertyTypes": True},
    **{"allowJs": True, "checkJs": True, "noEmit": True, "skipLibCheck": True, "types": []},
    **{"target": "es2022", "module": "nodenext", "lib": ["es2023", "dom", "dom.iterable"]},
}


def _made(program: Path) -> str:
    return typescript_of(shapes_of(load_alone(program)), "main.py", "./public/walkwire.js")


def test_the_types_are_up_to_date() -> None:
    made = _made(EXAMPLES / "kanban" / "main.py")
    command = (
        "walkwire types examples/kanban --ts --client ./public/walkwire.js --out examples/kanban/types.ts"
    )
    assert (EXAMPLES / "kanban" / "types.ts").read_text() == made, f"run `{command}`"


@pytest.fixture
def page(tmp_path: Path, module: Path) -> Path:
    """The example beside the client's types."""
    folder = Path(shutil.copytree(EXAMPLES / "kanban", tmp_path / "kanban"))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "walkwire").symlink_to(CLIENT)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (folder / "public" / "walkwire.d.ts").write_text('export * from "walkwire";\n')
    files = ["types.ts", "public/board.js"]
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS, "files": files}))
    return folder


def _compile(page: Path) -> str:
    tsc = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    if not tsc.is_file():
        absent("typescript")
    done = subprocess.run(["node", tsc, "-p", page], check=False, capture_output=True, text=True)
    return done.stdout


def test_the_code_of_the_page_fits_the_walkers(page: Path) -> None:
    assert _compile(page) == ""


def test_a_change_of_the_program_is_an_error_of_the_page(page: Path) -> None:
    program = (page / "main.py").read_text()
    (page / "main.py").write_text(
        program.replace("place: float\n    by", "spot: float\n    by").replace("before: str", "behind: str")
    )
    (page / "types.ts").write_text(_made(page / "main.py"))
    said = _compile(page)
    assert "Property 'place' does not exist on type 'Hoped'" in said
    assert "'before' does not exist" in said
