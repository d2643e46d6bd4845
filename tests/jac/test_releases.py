"""What single releases of Jac took, and programs rely on. Each was seen at the release that is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]

NODE_ABILITY = """
node Stop {
    has name: str;
    can meet with tour entry { print(WORD.guest, [WORD.guest for _ in [1]], (lambda : WORD.guest)()); }
    can elsewhere with tour exit;
}
edge Road { can pass_by with tour entry { WORD.seen.append("road"); } }
impl Stop.elsewhere { print("bye", WORD.guest, WORD.seen); }
walker tour {
    has guest: str = "Ada", seen: list = [];
    can go with `root entry { visit [edge -->]; }
}
with entry {
    root +>:Road():+> Stop("one");
    root spawn tour();
}
"""


@pytest.mark.parametrize("era", [None, "0.8", "0.9"])
@pytest.mark.parametrize("word", ["here", "visitor"])
def test_the_walker_in_a_nodes_ability_has_the_names_of_080_and_of_later_ones(
    run: Run, word: str, era: str | None
) -> None:
    assert run(NODE_ABILITY.replace("WORD", word), era) == "Ada ['Ada'] Ada\nbye Ada ['road']\n"


def test_here_may_be_a_name_of_the_programs_own_in_a_nodes_ability(run: Run) -> None:
    program = """
    node Stop { can meet with tour entry { here = 5; print(here, visitor.x); } }
    walker tour { has x: int = 1; can go with `root entry { visit [-->]; } }
    with entry { root ++> Stop(); root spawn tour(); }
    """
    assert run(program, "0.9") == "5 1\n"


def test_abilities_without_a_name_may_stand_on_one_line(run: Run) -> None:
    program = """
    node A {} node B {}
    walker w { can with `root entry { visit [-->]; } can with A entry { print("A"); } can with B entry { print("B"); } }
    with entry { root ++> A(); root ++> B(); root spawn w(); }
    """
    assert run(program) == "A\nB\n"


def test_an_ability_without_a_name_overrides_none_of_its_base(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one at the same place of another file, in a class of the same name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for file, first, name in (
        ("above", "import sys;", "w"),
        ("below", "import from above { w as b }", "w(b)"),
    ):
        walker = f'walker {name}\n{{ can with `root entry {{ print("{file}"); }} }}'
        (tmp_path / f"{file}.jac").write_text(f"{first}\n{walker}\n")
    (tmp_path / "main.jac").write_text("import from below { w }\nwith entry { root spawn w(); }")
    assert run(tmp_path / "main.jac") == "above\nbelow\n"


def test_a_default_before_a_parameter_without_one_is_the_last_ones(run: Run) -> None:
    program = """
    def f(a: int, b: int = 1, c: int) { print(a, b, c); }
    obj A { def g(a: int = 7, b: int) { print(a, b); } }
    with entry { f(1, 2, 3); f(1, 2); f(1, b=4); A().g(5); }
    """
    assert run(program) == "1 2 3\n1 2 1\n1 4 1\n5 7\n"


def test_a_report_in_the_body_of_a_walker_is_one_of_the_module(run: Run) -> None:
    program = """
    walker w {
        has x: int = 1;
        with entry { report 5; if True { report 6; } }
        static def f { report 7; }
        can go with `root entry { report 8; w.f(); }
    }
    with entry { root spawn w(); }
    """
    assert run(program, "0.9") == "5\n6\n8\n7\n"
    assert run(program, "0.7") == ""


def test_report_stays_a_statement_beside_a_method_of_that_name(run: Run) -> None:
    """As in 0.8.10 and 0.9.0: what begins a statement with `report` reports."""
    program = """
    walker w {
        def report(x: int) -> int { print("own", x); return x; }
        can go with `root entry { report(4); self.report(3); report 7; }
    }
    with entry { w = root spawn w(); print(w.reports); }
    """
    assert run(program, "0.9") == "4\nown 3\n7\n[4, 7]\n"


NODE_AS_EDGE = """
node A { has n: int = 0; }
node P {
    has v: int = 2;
    def double -> int { return self.v * 2; }
    can pass_by with w entry { print("by", self.v); }
}
walker w {
    can go with `root entry {
        p = P(v=3);
        here +>:p:+> A(1);
        p.v = 4;
        here +>:P():+> A(2);
        here +>:P:v=8:+> P(v=5);
        print([-->], [edge -->]);
        print([->:P:v>3:->], [edge -->](`?P: v==2)[0].double(), [-->](`?P));
        visit [edge -->](`?P: v==8);
    }
}
with entry { root spawn w(); }
"""


def test_a_node_may_stand_in_the_place_of_an_edge(run: Run) -> None:
    assert run(NODE_AS_EDGE) == (
        "[A(n=1), A(n=2), P(v=5)] [P(v=4), P(v=2), P(v=8)]\n[A(n=1), P(v=5)] 4 [P(v=5)]\nby 8\nby 5\n"
    )


def test_names_of_pythons_own_may_be_the_programs(run: Run) -> None:
    program = """
    def isinstance(x: int) -> int { return x; }
    node A {
        has targets: int = 1, kind: int = 2;
        static def f -> int { return 3; }
        def staticmethod {}
        static def g -> int { return 4; }
    }
    edge E { has kind: int = 0, targets: int = 0; }
    with entry {
        root +>:E:kind=5, targets=6:+> A();
        print([-->](`?A)(=targets=7, kind=8), [edge -->], A.f(), A.g(), isinstance(9));
    }
    """
    assert run(program.replace("[-->]", "[root-->]").replace("[edge -->]", "[edge root-->]")) == (
        "[A(targets=7, kind=8)] [E(kind=5, targets=6)] 3 4 9\n"
    )
