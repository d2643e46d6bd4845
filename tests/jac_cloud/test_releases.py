"""What single releases of Jac Cloud answered, over REST."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jac_cloud.conftest import on_socket
from walkwire.testing import serve

PROGRAM = """
import from jaclang.lib { allow_root }

enum Color { RED = "red", BLUE = "blue" }
obj Size { has width: int = 1; has color: Color = Color.RED; }
node Note { has text: str = ""; has color: Color = Color.BLUE; }
node Weight { has kilos: int = 0; can look with travel entry { report "weight"; } }

walker pin { can go with `root entry { report jid((here ++> Note("mine"))[0]); } }

walker tell {
    can go with `root entry { report {"color": Color.RED, "size": Size(), "list": [Size()], "note": Note("x")}; }
}

walker touch {
    has id: str, how: str;
    can go with `root entry {
        note = &(self.id);
        if self.how == "read" { report note.text; }
        elif self.how == "write" { note.text = "changed"; }
        elif self.how == "connect" { here ++> note; }
        elif self.how == "walk" { note spawn look_at(); }
        elif self.how == "grant" { allow_root(note, here, "READ"); }
        elif self.how == "ask" { report "none" if note is None else note.text; }
        elif self.how == "other" { report [1].nothing; }
    }
    class __specs__ { has methods: list = ["post", "websocket"]; }
}
walker look_at { can go with Note entry { report here.text; } }
walker touch_async {
    has id: str;
    async can go with `root entry { report (&(self.id)).text; }
}
walker forgot { can go with `root entry { nothing = None; report nothing.text; } }

walker weigh { can go with `root entry { here +>:Weight(kilos=7):+> Note("heavy"); report [edge -->](`?Weight); } }
walker weights {
    can go with `root entry {
        report [edge ->:Weight:kilos > 5:->];
        report [one.text for one in [->:Weight:->]];
        [edge -->](`?Weight)[0].kilos += 1;
    }
}
walker travel { can go with `root entry { visit [edge ->:Weight:->]; } can look with Note entry { report "note"; } }

walker fetch {
    has part: str = "";
    can go with `root entry { report "fetched"; }
    class __specs__ { has methods: list = ["get", "post"], path: str = "of/{part}"; }
}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "main.jac").write_text(PROGRAM)
    return tmp_path / "main.jac"


async def test_a_reported_dictionary_has_values_of_enums_and_references_of_objects(program: Path) -> None:
    async with serve(program) as app:
        (told,) = (await (await app.user()).post("tell")).reports
    assert told["color"] == "red"
    assert told["size"] == {"id": told["size"]["id"], "context": {"width": 1, "color": "RED"}}
    assert told["size"]["id"].startswith("o:Size:")
    assert told["list"][0]["context"] == {"width": 1, "color": "RED"}
    assert told["note"]["context"] == {"text": "x", "color": "BLUE"}


@pytest.mark.parametrize("how", ["read", "write", "connect", "walk", "grant"])
async def test_a_foreign_reference_that_is_touched_is_refused(how: str, program: Path) -> None:
    async with serve(program) as app:
        ada, eve = await app.user(), await app.user()
        (note,) = (await ada.post("pin")).reports
        sentence = f"You don't have access on target entry {note}!"
        refused = await eve.request("POST", "/walker/touch", json={"id": note, "how": how})
        assert (refused.status, refused.body) == (403, {"detail": {"error": sentence}})
        absent = note[:-4] + "0000"
        refused = await eve.request("POST", "/walker/touch", json={"id": absent, "how": how})
        assert (refused.status, refused.body) == (403, {"detail": {"error": sentence.replace(note, absent)}})
        assert await on_socket(eve, "touch", id=note, how=how) == {"type": "walker", "error": sentence}


async def test_a_foreign_reference_is_none_to_those_who_ask(program: Path) -> None:
    async with serve(program) as app:
        ada, eve = await app.user(), await app.user()
        (note,) = (await ada.post("pin")).reports
        assert (await eve.post("touch", id=note, how="ask")).reports == ["none"]
        assert (await ada.post("touch", id=note, how="ask")).reports == ["mine"]
        refused = await eve.request("POST", "/walker/touch_async", json={"id": note})
        assert refused.status == 403
        # What fails for another reason is a fault as ever.
        assert (await eve.request("POST", "/walker/touch", json={"id": note, "how": "other"})).status == 500
        assert (await eve.request("POST", "/walker/forgot")).status == 500


async def test_a_node_in_the_place_of_an_edge_is_kept_as_one(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        ((weight,),) = (await ada.post("weigh")).reports
        assert (weight["id"][:9], weight["context"]) == ("e:Weight:", {"kilos": 7})
        heavier = weight | {"context": {"kilos": 8}}
        assert (await ada.post("weights")).reports == [[heavier], ["heavy"]]
        assert (await ada.post("weights")).reports[0][0]["context"] == {"kilos": 9}
        assert (await ada.post("travel")).reports == ["weight", "note"]


async def test_a_path_with_a_slash_at_its_end_leads_to_the_one_without(program: Path) -> None:
    async with serve(program) as app:
        ada = await app.user()
        (note,) = (await ada.post("pin")).reports

        async def asked(method: str, path: str) -> tuple[int, str]:
            answer = await ada.request(method, path, json={})
            return answer.status, answer.headers.get("location", "")

        for method, path in (
            ("POST", "/walker/pin/"),
            ("POST", f"/walker/pin/{note}/"),
            ("GET", "/walker/pin/"),
            ("GET", "/walker/fetch/of/it/?x=1"),
            ("POST", "/user/login/"),
        ):
            status, location = await asked(method, path)
            assert (status, location.partition("//")[2].partition("/")[2]) == (
                307,
                path.replace("/?", "?").strip("/"),
            )
        assert await asked("POST", "/walker/nothing/") == (404, "")
