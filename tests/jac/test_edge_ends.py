"""Ends of edge references: `[-->][:10]` looks at no more than it needs, and gives what the whole would have given."""

from __future__ import annotations

from types import CodeType

import pytest

from tests.jac.conftest import Run
from walkwire.jac.compiler import compile_module
from walkwire.jac.source import Source

PLACES = """
node Place { has name: str; }
node Shop(Place) { has size: int = 1; }
edge Road { has km: int = 1; }
"""


def names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(names(one) for one in code.co_consts if isinstance(one, CodeType)))


@pytest.mark.parametrize(
    ("text", "is_bounded"),
    [
        ("[-->][0]", True),
        ("[-->][-1]", True),
        ("[-->][:10]", True),
        ("[-->][2:10]", True),
        ("[-->][-5:]", True),
        ("[-->][-5:-2]", True),
        ("[<-->]?[0]", True),
        ("[-->(`?Shop)][0]", True),
        ("[->:Road:->][0]", True),
        ("[->:Road:->(`?Shop)][0]", True),
        ("[->:Road:->](`?Shop)[0]", True),
        ("[-->-->](`?Shop)[0]", True),
        ("[edge -->][0]", True),
        ("[edge -->(`?Shop)][-1]", True),
        ("[-->]", False),
        ("[-->][n]", False),
        ("[-->][:n]", False),
        ("[-->][n:5]", False),
        ("[-->][1:]", False),
        ("[-->][:-1]", False),
        ("[-->][-3:2]", False),
        ("[-->][:0]", False),
        ("[-->][::2]", False),
        ("[-->][:]", False),
        ("[-->](`?Shop)", False),
        ("[-->](`?Shop: size > 1)[0]", False),
        ("[-->](?size > 1)[0]", False),
        ("[-->(`?Shop: size > 1)][0]", False),
        ("[->:Road: km > 1:->][0]", False),
        ("[-->(`?Place)](`?Shop)[0]", False),
        ("[edge -->](`?Road)[0]", False),
        ("([1, 2])[0]", False),
    ],
)
def test_an_end_is_told_where_the_index_is_plain_and_only_classes_choose(text: str, is_bounded: bool) -> None:
    program = f"{PLACES}\nwalker look {{ can go with `root entry {{ n = 3; x = {text}; }} }}\n"
    assert ("hop_to_end" in names(compile_module([Source("look.jac", program)]))) == is_bounded


def test_what_is_found_at_an_end_is_what_the_whole_has_there(run: Run) -> None:
    indices = ["0", "-1", "2", ":3", "1:3", "-2:", "-3:-1", ":50", "-50:"]
    asked = {
        "[-->]": "",
        "[<-->(`?Shop)]": "",
        "[->:Road:->]": "",
        "[-->-->]": "",
        "[edge -->]": "",
        "[-->]#": "(`?Shop)",
        "[-->-->]#": "(`?Place)",
    }
    lines = []
    for text, kind in asked.items():
        reference = text.removesuffix("#")
        for index in indices:
            lines.append(f"commit(); few = {reference}{kind}[{index}]; everything = {reference};")
            whole = f"everything{kind}" if kind else "everything"
            lines.append(f"those = {whole}; print('{text}', '{index}', same(few, those[{index}]));")
    program = f"""{PLACES}
def same(few: any, those: any) -> bool {{
    if isinstance(few, list) {{ return [id(x) for x in few] == [id(x) for x in those]; }}
    return few is those;
}}
walker make {{
    can go with `root entry {{
        shops = [Shop(name="s" + str(i)) for i in range(4)];
        places = [Place(name="p" + str(i)) for i in range(4)];
        for i=0 to i<4 by i+=1 {{
            here ++> places[i];
            here +>:Road(km=i):+> shops[i];
            shops[i] ++> places[3 - i];
        }}
        here ++> places[1];
        here +>:Road(km=9):+> shops[2];
        shops[3] ++> here;
    }}
}}
walker look {{
    can go with `root entry {{
        {" ".join(lines)}
    }}
}}
walker fail {{
    can go with `root entry {{
        try {{ x = [-->](`?Nothing)[0]; print(x); }} except IndexError as e {{ print(e); }}
        print([-->](`?Nothing)[:1]);
    }}
}}
node Nothing {{}}
with entry {{
    root spawn make();
    root spawn look();
    root spawn fail();
}}
"""
    printed = run(program, "0.8").splitlines()
    assert len(printed) == len(asked) * len(indices) + 2
    assert {line.rpartition(" ")[2] for line in printed[:-2]} == {"True"}
    assert printed[-2:] == ["list index out of range", "[]"]
