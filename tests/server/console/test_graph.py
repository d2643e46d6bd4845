"""The graph as it is stored, node by node."""

from __future__ import annotations

from tests.server.console.conftest import Operator
from walkwire.testing import Served

PUBLIC = "n::000000000000000000000001"


async def test_a_node_is_shown_with_its_neighbours(served: Served, operator: Operator) -> None:
    await served.public().post("build")

    root = await operator.ask("around", node=PUBLIC)
    line = next(node for node in root["nodes"] if node["kind"] == "Line")
    around = await operator.ask("around", node=line["reference"])

    assert root["center"] == "0" * 23 + "1"
    assert [node["kind"] for node in root["nodes"]] == ["root", "Line"]
    assert line["data"] == {"name": "Red"}
    assert {(edge["kind"], edge["source"] == line["id"]) for edge in around["edges"]} == {
        ("", False),
        ("Road", True),
    }
    assert {node["kind"] for node in around["nodes"]} == {"root", "Line", "Stop"}
    assert around["has_more"] is False
    assert (await operator.ask("around", node=PUBLIC, limit=0))["edges"] == []


async def test_neighbours_come_in_pages(served: Served, operator: Operator) -> None:
    for line in ("a", "b", "c"):
        await served.public().post("build", line=line, stops=[])

    some = await operator.ask("around", node=PUBLIC, limit=2)

    assert (len(some["edges"]), some["has_more"]) == (2, True)


async def test_an_edge_leads_to_its_ends(served: Served, operator: Operator) -> None:
    await served.public().post("build")
    edge = (await operator.ask("around", node=PUBLIC))["edges"][0]

    found = await operator.ask("around", node=edge["reference"])

    assert len(found["nodes"]) == 2
    assert [one["id"] for one in found["edges"]] == [edge["id"]]


async def test_edges_among_nodes_are_found(served: Served, operator: Operator) -> None:
    await served.public().post("build")
    line = (await operator.ask("around", node=PUBLIC))["nodes"][1]
    around = await operator.ask("around", node=line["reference"])

    found = await operator.ask("among", nodes=",".join(node["reference"] for node in around["nodes"]))

    assert len(found["nodes"]) == 3
    assert {edge["id"] for edge in found["edges"]} == {edge["id"] for edge in around["edges"]}


async def test_what_is_absent_or_no_reference_is_said(served: Served, operator: Operator) -> None:
    for node, status in (("n:Stop:" + "f" * 24, 404), ("nonsense", 400), ("", 400)):
        answer = await served.http.get("/console/api/around", params={"node": node}, headers=operator.headers)
        assert answer.status_code == status
