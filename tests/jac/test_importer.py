"""Jac and Python import each other; a program is found with all that belongs to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from walkwire.dialect import names
from walkwire.errors import ProgramError
from walkwire.jac.importer import compile_source, load
from walkwire.jac.translate.names import IMPORTABLE, WANTED


def python(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout or done.stderr


def test_python_imports_jac_once_the_package_was_imported(tmp_path: Path) -> None:
    (tmp_path / "shapes.jac").write_text(
        'def area(r: int) -> int { return r * r; }\nwith entry:__main__ { print("no"); }'
    )
    code = "import walkwire.jac, shapes; print(shapes.area(3), shapes.__name__)"
    assert python(tmp_path, code) == "9 shapes\n"


def test_python_imports_a_package_of_jac_with_relative_imports(tmp_path: Path) -> None:
    (tmp_path / "pack" / "inner").mkdir(parents=True)
    (tmp_path / "pack" / "__init__.jac").write_text("import from .one { one }")
    (tmp_path / "pack" / "one.jac").write_text(
        "import from .inner.two { two }\ndef one -> int { return two() - 1; }"
    )
    (tmp_path / "pack" / "inner" / "two.jac").write_text(
        "import from ..three { three }\ndef two -> int { return three() - 1; }"
    )
    (tmp_path / "pack" / "three.py").write_text("def three():\n    return 3\n")
    assert python(tmp_path, "import walkwire.jac, pack; print(pack.one())") == "1\n"


def test_a_module_finds_those_beside_it_wherever_the_program_started(
    run: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "user.jac").write_text("import from beside_it { VALUE }\nglob USED = VALUE;")
    (tmp_path / "deep" / "beside_it.jac").write_text("glob VALUE = 7;")
    assert run("import from deep.user { USED }\nwith entry { print(USED); }") == "7\n"


def test_a_program_in_no_package_imports_from_the_folders_above_it(
    run: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    (tmp_path / "far_above.jac").write_text("glob FAR = 1;")
    (tmp_path / "one" / "near_above.jac").write_text("glob NEAR = 2;")
    file = tmp_path / "one" / "two" / "below.jac"
    file.write_text(
        "import from ...far_above { FAR }\nimport from .. { near_above }\nwith entry { print(FAR, near_above.NEAR); }"
    )
    assert run(file) == "1 2\n"


def test_names_of_jac_cloud_are_walkwires(run: Callable[..., str]) -> None:
    text = """
    import:py from jac_cloud.plugin {WEBSOCKET_MANAGER as socket}
    import:py from jaclang.plugin.feature {JacFeature as Jac}
    import from jac_cloud.core.archetype {BaseAnchor, NodeAnchor}
    with entry {
        print(type(socket).__module__, Jac.get_root(), BaseAnchor.ref(jid(root)).archetype);
    }
    """
    assert run(text) == "walkwire.walk.walker.notify Root() Root()\n"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "import from jaclang.runtimelib.memory { Memory }",
            "no counterpart for Memory of jaclang.runtimelib.memory: the store",
        ),
        ("import from jac_cloud.other { Thing }", "no counterpart for Thing of jac_cloud.other$"),
        ("import jaclang.compiler;", "no counterpart for the module jaclang.compiler$"),
    ],
)
def test_a_name_without_a_meaning_here_is_named_when_it_is_imported(
    run: Callable[..., str], statement: str, message: str
) -> None:
    with pytest.raises(ImportError, match=message):
        run(statement)


def test_a_program_may_catch_the_import_of_what_is_not_here(run: Callable[..., str]) -> None:
    text = 'with entry { try { import from jaclang { Nothing } } except ImportError { print("without"); } }'
    assert run(text) == "without\n"


def test_tests_are_kept_and_not_run(run: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "tested.jac"
    file.write_text("test one { assert 1 == 1; }\ntest { check almostEqual(0.1 + 0.2, 0.3); }\n")
    (tmp_path / "tested.test.jac").write_text("test from_annex { assert False; }")
    module = load(file, "tested")
    tests = module.__dict__["__jac_tests__"]
    assert [name for name, _ in tests] == ["one", "test_2", "from_annex"]
    tests[0][1]()
    tests[1][1]()
    with pytest.raises(AssertionError):
        tests[2][1]()
    del sys.modules["tested"]


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="cannot be read: No such file"):
        load(tmp_path / "absent.jac")
    (tmp_path / "latin.jac").write_bytes(b'with entry { print("\xfc"); }')
    with pytest.raises(ProgramError, match="is not UTF-8"):
        load(tmp_path / "latin.jac")


def test_a_module_that_failed_is_not_kept(tmp_path: Path) -> None:
    file = tmp_path / "broken_module.jac"
    file.write_text("with entry { 1 / 0; }")
    with pytest.raises(ZeroDivisionError):
        load(file, "broken_module")
    assert "broken_module" not in sys.modules


def test_source_is_compiled_without_a_file() -> None:
    scope: dict[str, object] = {}
    exec(compile_source("glob x = 5 |> str;", "nowhere.jac"), scope)
    assert scope["x"] == "5"


def test_every_name_that_is_said_to_have_a_counterpart_has_one() -> None:
    for name in {*IMPORTABLE.values(), *WANTED, "_"}:
        assert hasattr(names, name), name


def test_the_machine_is_there_without_an_import(run: Callable[..., str]) -> None:
    text = """
    node N { }
    with entry {
        root ++> N();
        for (_, x) in [(1, 2)] { }
        print(Jac.get_root(), jobj(jid(root)), [type(r).__name__ for r in allroots()][:1], Jac.reset_graph(), [root-->]);
    }
    def f { print(_); }
    with entry { f(); }
    """
    assert run(text) == "Root() Root() ['Root'] 1 []\n1\n"
    assert run("with entry { print(_.get_root()); }") == "Root()\n"
