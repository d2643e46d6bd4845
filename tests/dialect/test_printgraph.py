"""The graph as a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from walkwire import Edge, Node
from walkwire.dialect.printgraph import dotgen, printgraph
from walkwire.ids import PUBLIC_ROOT
from walkwire.store import Store
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work


class Dot(Node):
    name: str


class Line(Edge):
    text: str = "<l>"


@pytest.fixture
def first(store: Store) -> Iterator[Dot]:
    """a → b → c, a → d by a Line, and c → a."""
    with unit_of_work(store, Registry(), PUBLIC_ROOT):
        a, b, c, d = (Dot(name) for name in "abcd")
        a.connect(b)
        b.connect(c)
        a.connect(d, Line())
        c.connect(a)
        yield a


def test_dot_has_a_line_for_each_edge_and_each_node(first: Dot) -> None:
    assert printgraph(first) == (
        'digraph {\nnode [style="filled", shape="ellipse", fillcolor="invis", fontcolor="black"];\n'
        '0 -> 1  [label=""];\n'
        '0 -> 2  [label="Line(text=&#x27;&lt;l&gt;&#x27;)"];\n'
        '3 -> 0  [label=""];\n'
        '1 -> 3  [label=""];\n'
        '0 [label="Dot(name=&#x27;a&#x27;)"fillcolor="#FFE9E9"];\n'
        '1 [label="Dot(name=&#x27;b&#x27;)"fillcolor="#F0FFF0"];\n'
        '2 [label="Dot(name=&#x27;d&#x27;)"fillcolor="#F0FFF0"];\n'
        '3 [label="Dot(name=&#x27;c&#x27;)"fillcolor="#F0FFF0"];\n'
        "}"
    )


@pytest.mark.parametrize(
    ("limits", "names"),
    [
        ({}, "abdc"),
        ({"bfs": False}, "abcd"),
        ({"traverse": True}, "abdc"),
        ({"traverse": True, "depth": 1}, "abd"),
        ({"depth": 0}, "a"),
        ({"edge_type": ["Line"]}, "abc"),
        ({"edge_limit": 1}, "ab"),
        ({"node_limit": 1, "bfs": False}, "a"),
    ],
)
def test_a_picture_goes_as_far_as_its_limits(first: Dot, limits: dict[str, object], names: str) -> None:
    lines = printgraph(first, **limits).split("\n")  # type: ignore[arg-type]
    assert "".join(line.split("&#x27;")[1] for line in lines if 'label="Dot' in line) == names


def test_mermaid_and_json_show_the_same(first: Dot) -> None:
    assert printgraph(first, depth=1, traverse=True, format="mermaid") == (
        "flowchart LR\n"
        "0 -->1\n"
        '0 -->|"Line(text=&#x27;&lt;l&gt;&#x27;)"| 2\n'
        '0["Dot(name=&#x27;a&#x27;)"]\n1["Dot(name=&#x27;b&#x27;)"]\n2["Dot(name=&#x27;d&#x27;)"]\n'
    )
    shown = json.loads(printgraph(first, format="json"))
    assert shown["nodes"][0]["label"] == "Dot(name='a')"
    assert [edge.get("label") for edge in shown["edges"]] == [None, "Line(text='<l>')", None, None]


def test_a_picture_is_written_to_a_file_too(first: Dot, tmp_path: Path) -> None:
    assert dotgen(first, dot_file=str(tmp_path / "graph.dot")) == (tmp_path / "graph.dot").read_text()
