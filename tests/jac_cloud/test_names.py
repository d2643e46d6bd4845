"""Smaller names that programs of Jac Cloud look at: of the context, of an anchor, of the utilities."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.jac_cloud.conftest import on_socket
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.testing import Served, serve

PROGRAM = """
import from datetime { datetime, timezone }
import from jaclang.lib { get_context }
import from jac_cloud { FastAPI }
import from jac_cloud.core.context { PUBLIC_ROOT_ID, SUPER_ROOT_ID }
import from jac_cloud.core.archetype { NodeAnchor }
import from jac_cloud.jaseci.utils { random_string, utc_datetime, utc_datetime_iso, utc_timestamp }
import from jac_cloud.plugin.jaseci { JacPlugin as Jac }

node Note { has text: str = ""; }
edge Under {}

with entry { FastAPI.enable(); }

walker put { can go with `root entry { report jid((here ++> Note("kept"))[0]); } }

walker where {
    can begin with entry {
        context = get_context();
        report [context.entry_node.ref_id, context.root_state.ref_id, context.system_root.id];
    }
    class __specs__ { has methods: list = ["post", "websocket"]; }
}

walker kept {
    can go with `root entry {
        loose = Note("loose");
        new = (here ++> Note("new"))[0];
        edge_to = [edge -->][0];
        saved = Note("saved");
        save(saved);
        told = [one.__jac__.persistent for one in [here, loose, new, edge_to, saved]];
        commit();
        told.append(new.__jac__.persistent);
        del new;
        told.append(saved.__jac__.persistent);
        report told;
    }
}

walker grant {
    has reader: str;
    can go with Note entry {
        access = here.__jac__.access;
        report [access.all.name, dict(access.roots.anchors)];
        here.__jac__.access = {"all": "NO_ACCESS", "roots": {"anchors": {self.reader: "READ"}}};
        report [access.all.name, {who: level.name for (who, level) in access.roots.anchors.items()}];
    }
}

walker lend {
    has to: list;
    can go with Note entry { here.__jac__.access = {"roots": {"anchors": {who: "WRITE" for who in self.to}}}; }
}

walker open_up { can go with Note entry { here.__jac__.access.all = "READ"; } }
walker close { can go with Note entry { here.__jac__.access = {"all": "NO_ACCESS"}; } }
walker read { can go with Note entry { report here.text; } }

walker new_and_open {
    can go with `root entry {
        note = Note("open");
        note.__jac__.access = {"all": "READ", "roots": {"anchors": {}}};
        report note.__jac__.access.all.name;
        here ++> note;
        report jid(note);
        report here.__jac__.access.all.name;
    }
}

walker ask_memory {
    has ids: list;
    can go with `root entry {
        mem = get_context().mem;
        refs = [NodeAnchor.ref(id) for id in self.ids];
        report [anchor.archetype.text for anchor in mem.find(refs)];
        report [anchor.archetype.text for anchor in mem.find(refs, lambda anchor: any : anchor.name == "Other")];
        report mem.find_one(refs[0]).ref_id == self.ids[0];
    }
}

walker ask {
    has word: str;
    can go with `root entry {
        try { getattr(get_context() if self.word != "get_edges" else Jac, self.word); }
        except AttributeError as error { report str(error); }
    }
}

walker refuse {
    can go with `root entry {
        note = (here ++> Note())[0];
        try { note.__jac__.persistent = True; } except AttributeError as error { report str(error); }
        try { [edge -->][0].__jac__.access; } except AttributeError as error { report str(error); }
        try { note.__jac__.access.roots.anchors["n::1"] = 1; } except TypeError { report "fixed"; }
    }
}

walker tools {
    can go with `root entry {
        now = datetime.now(timezone.utc);
        report 3599 < (utc_datetime(hours=1) - now).total_seconds() < 3700;
        report datetime.fromisoformat(utc_datetime_iso()).tzinfo == timezone.utc;
        report 0 <= utc_timestamp() - int(now.timestamp()) < 100;
        report [len(random_string(40)), random_string(40).isalnum(), random_string(40) == random_string(40)];
        report [SUPER_ROOT_ID, PUBLIC_ROOT_ID];
    }
}
"""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "main.jac").write_text(PROGRAM)
    async with serve(tmp_path / "main.jac") as served:
        yield served


async def test_the_context_knows_where_the_walk_began(app: Served) -> None:
    ada = await app.user()
    root = f"n::{ada.root_id}"
    (note,) = (await ada.post("put")).reports
    assert (await ada.post("where")).reports == [[root, root, SYSTEM_ROOT]]
    assert (await ada.request("POST", f"/walker/where/{note}")).reports == [[note, root, SYSTEM_ROOT]]
    assert (await on_socket(ada, "where", note))["reports"] == [[note, root, SYSTEM_ROOT]]


async def test_an_anchor_knows_whether_it_is_kept(app: Served) -> None:
    ada = await app.user()
    assert (await ada.post("kept")).reports == [[True, False, True, True, True, True, True]]


async def test_what_was_granted_can_be_seen_and_written(app: Served) -> None:
    ada, bob, eve = await app.user(), await app.user(), await app.user()
    (note,) = (await ada.post("put")).reports
    reader = f"n::{bob.root_id}"
    granted = await ada.request("POST", f"/walker/grant/{note}", json={"reader": reader})
    assert granted.reports == [["NO_ACCESS", {}], ["NO_ACCESS", {reader: "READ"}]]

    async def who_reads() -> list[int]:
        return [(await user.request("POST", f"/walker/read/{note}")).status for user in (bob, eve)]

    assert await who_reads() == [200, 403]
    assert (await bob.request("POST", f"/walker/open_up/{note}")).status == 403
    assert (await ada.request("POST", f"/walker/open_up/{note}")).status == 200
    assert await who_reads() == [200, 200]
    assert (await ada.request("POST", f"/walker/close/{note}")).status == 200
    assert await who_reads() == [403, 403]


async def test_whoever_may_write_can_let_others(app: Served) -> None:
    ada, bob, eve = await app.user(), await app.user(), await app.user()
    (note,) = (await ada.post("put")).reports
    to = [f"n::{user.root_id}" for user in (bob, eve)]
    for lender, asked, status in ((eve, to, 403), (ada, to[:1], 200), (bob, to, 200), (eve, to, 200)):
        lent = await lender.request("POST", f"/walker/lend/{note}", json={"to": asked})
        assert lent.status == status


async def test_a_new_node_can_be_given_to_all(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    level, note, mine = (await ada.post("new_and_open")).reports
    assert (level, mine) == ("READ", "NO_ACCESS")
    assert (await bob.request("POST", f"/walker/read/{note}")).reports == ["open"]


async def test_the_memory_finds_what_may_be_read(app: Served) -> None:
    ada, bob = await app.user(), await app.user()
    (mine,) = (await ada.post("put")).reports
    (other,) = (await bob.post("put")).reports
    assert (await ada.post("ask_memory", ids=[mine, other])).reports == [["kept"], [], True]


async def test_a_name_that_has_no_meaning_says_what_to_use(app: Served) -> None:
    ada = await app.user()
    for word, advice in (("request", "the walker's fields"), ("get_edges", "[edge x-->]")):
        (sentence,) = (await ada.post("ask", word=word)).reports
        assert "no counterpart" in sentence
        assert advice in sentence
    kept, edge, fixed = (await ada.post("refuse")).reports
    assert "save(x)" in kept
    assert "its two nodes decide" in edge
    assert fixed == "fixed"


async def test_the_utilities_do_what_they_did(app: Served) -> None:
    ada = await app.user()
    assert (await ada.post("tools")).reports == [
        *(True, True, True, [40, True, False], [SYSTEM_ROOT, PUBLIC_ROOT]),
    ]


def test_a_program_that_starts_its_server_itself_is_told_who_does(tmp_path: Path) -> None:
    file = tmp_path / "main.jac"
    file.write_text("import from jac_cloud { FastAPI }\nwith entry:__main__ { FastAPI.start(port=8001); }\n")
    command = [sys.executable, "-m", "walkwire", "run", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "`walkwire serve` serves it" in ended.stderr
