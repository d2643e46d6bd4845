"""The social feed of `examples/social_feed`: people who follow each other, over REST and the socket of a server process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import EXAMPLES, Person, Server, run

PROGRAM = EXAMPLES / "social_feed"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(PROGRAM, tmp_path_factory.mktemp("social_feed")) as server:
        yield server


class Poster:
    """Somebody with a profile of a handle of their own."""

    def __init__(self, server: Server, person: Person, handle: str, profile: str) -> None:
        self.server = server
        self.token = person.token
        self.root_id = person.root_id
        self.handle = handle
        self.profile = profile

    async def walk(self, walker: str, node: str | None = None, **fields: Any) -> Any:
        (report,) = await self.server.walk(walker, self.token, node, **fields)
        return report

    async def status(self, method: str, path: str, **options: Any) -> int:
        return (await self.server.request(method, path, self.token, **options)).status_code

    async def feed(self, query: str = "") -> list[Any]:
        response = await self.server.request("GET", f"/walker/feed{query}", self.token)
        return list(response.json()["reports"][0])


async def poster(server: Server, handle: str) -> Poster:
    person = await server.user()
    response = await server.request("PUT", "/walker/edit_profile", person.token, json={"handle": handle})
    return Poster(server, person, handle, response.json()["reports"][0]["id"])


async def test_who_follows_reads_what_is_written_newest_first(server: Server) -> None:
    ada, bob = await poster(server, "ada1"), await poster(server, "bob1")
    assert (await bob.walk("follow", ada.profile))["followers"] == ["bob1"]
    assert await bob.status("POST", f"/walker/follow/{ada.profile}") == 409

    first = await ada.walk("publish", text="Morning", tags=["tea"])
    await ada.walk("publish", text="Noon")
    await bob.walk("publish", text="My own")
    assert [post["text"] for post in await bob.feed()] == ["My own", "Noon", "Morning"]
    assert [post["text"] for post in await bob.feed("?tag=tea")] == ["Morning"]
    assert [post["text"] for post in await bob.feed("?newest=1")] == ["My own"]
    assert first["by"] == "ada1"

    assert (await bob.walk("unfollow", ada.profile))["followers"] == []
    assert [post["text"] for post in await bob.feed()] == ["My own"]


async def test_followers_hear_of_a_post_and_its_author_of_what_they_say(server: Server) -> None:
    ada, bob, eve = [await poster(server, name) for name in ("ada2", "bob2", "eve2")]
    async with (
        server.connect(ada.token) as adas,
        server.connect(bob.token) as bobs,
        server.connect(channel_id="tag:news") as watcher,
        server.connect(eve.token) as eves,
    ):
        await bob.walk("follow", ada.profile)
        assert await adas.hear() == {"type": "followed", "data": {"by": "bob2"}}

        publish = {"type": "walker", "walker": "publish", "context": {"text": "Hello", "tags": ["news"]}}
        answer = await adas.ask({**publish, "response": True})
        assert answer["status"] == 201
        (post,) = answer["reports"]
        news = {"type": "post", "data": post}
        assert await bobs.hear() == news
        assert await watcher.hear() == news

        await bobs.say({"type": "walker", "walker": "like", "node": post["id"]})
        assert await adas.hear() == {"type": "liked", "data": {"post": post["id"], "by": "bob2"}}
        await bob.walk("comment", post["id"], text="Well said")
        said = {"post": post["id"], "by": "bob2", "text": "Well said"}
        assert await adas.hear() == {"type": "commented", "data": said}
        assert await eves.settle() == []

    (read,) = await bob.feed()
    assert read["likes"] == ["bob2"]
    assert [comment["text"] for comment in read["comments"]] == ["Well said"]
    assert (await bob.walk("unlike", post["id"]))["likes"] == []


async def test_a_post_for_followers_is_refused_to_others(server: Server) -> None:
    ada, bob, eve = [await poster(server, name) for name in ("ada3", "bob3", "eve3")]
    await bob.walk("follow", ada.profile)
    async with server.connect(channel_id="tag:secret") as watcher:
        post = await ada.walk("publish", text="Among us", tags=["secret"], audience="followers")
        assert await watcher.settle() == []
    assert (await bob.walk("like", post["id"]))["likes"] == ["bob3"]
    refused = await server.post(f"/walker/like/{post['id']}", token=eve.token)
    assert refused.status_code == 403
    assert refused.json() == {"detail": {"error": f"You don't have access on target entry {post['id']}!"}}
    await bob.walk("unfollow", ada.profile)
    assert await bob.status("POST", f"/walker/like/{post['id']}") == 403


async def test_only_its_author_changes_or_removes_a_post(server: Server) -> None:
    ada, bob = await poster(server, "ada4"), await poster(server, "bob4")
    post = await ada.walk("publish", text="Helo")
    comment = await bob.walk("comment", post["id"], text="A typo")
    edit, remove = f"/walker/edit_post/{post['id']}", f"/walker/remove_post/{post['id']}"
    assert await bob.status("PUT", edit, json={"text": "Mine"}) == 403
    assert await bob.status("DELETE", remove) == 403
    assert await ada.status("DELETE", f"/walker/remove_comment/{comment['id']}") == 403
    assert await ada.status("PUT", edit, json={"text": "Hello"}) == 200
    assert [read["text"] for read in await ada.feed()] == ["Hello"]
    assert await bob.status("DELETE", f"/walker/remove_comment/{comment['id']}") == 200
    assert await ada.status("DELETE", remove) == 200
    assert await ada.feed() == []


async def test_anybody_finds_people_and_their_pictures(server: Server) -> None:
    ada = await poster(server, "ada5")
    assert (await server.request("GET", "/people?like=a5")).json()["reports"] == [["ada5"]]
    assert (await server.request("GET", "/people/ada5")).json()["reports"][0]["id"] == ada.profile
    nobody = await server.request("GET", "/people/nobody")
    assert nobody.status_code == 404
    assert nobody.json()["reports"] == ["There is nobody called nobody"]

    image = b"\x89PNG..."
    files = {
        "picture": ("me.png", image, "image/png"),
        "body": ("body.json", json.dumps({"caption": "I, last summer"}), "application/json"),
    }
    kept = await server.request("POST", "/walker/set_picture", ada.token, files=files)
    assert kept.json()["reports"][0]["bio"] == "I, last summer"
    picture = await server.request("GET", "/people/ada5/picture")
    assert (picture.headers["content-type"], picture.content) == ("image/png", image)
    too_large = {"picture": ("me.png", b"x" * 70_000, "image/png")}
    assert await ada.status("POST", "/walker/set_picture", files=too_large) == 413


async def test_what_is_counted_for_others_is_private_itself(server: Server) -> None:
    ada = await poster(server, "ada6")
    await ada.walk("publish", text="1", tags=["counted", "twice"])
    await ada.walk("publish", text="2", tags=["twice"])
    trends = (await server.request("GET", "/walker/trends")).json()["trends"]
    assert (trends["counted"], trends["twice"]) == (1, 2)
    assert (await server.post("/walker/count_tags", token=ada.token)).status_code == 404


async def test_a_digest_is_answered_at_once_and_told_later(server: Server) -> None:
    ada, bob = await poster(server, "ada7"), await poster(server, "bob7")
    post = await ada.walk("publish", text="Like me")
    await bob.walk("like", post["id"])
    async with server.connect(ada.token) as adas:
        answer = await server.post("/walker/digest", token=ada.token)
        assert answer.json()["walker_id"].startswith("w:digest:")
        assert await adas.hear() == {"type": "digest", "data": {"likes": 1}}


async def test_the_specs_are_in_openapi(server: Server) -> None:
    paths = (await server.request("GET", "/openapi.json")).json()["paths"]
    assert paths["/people/{handle}"]["get"]["tags"] == ["People"]
    feed = paths["/walker/feed"]["get"]
    assert feed["summary"] == "What one wrote and whom one follows, newest first"
    assert {one["name"] for one in feed["parameters"] if one["in"] == "query"} == {"tag", "newest"}
    assert "/walker/follow" not in paths, "it begins at a node"
    assert "/walker/follow/{node}" in paths


async def test_the_graph_and_its_rights_outlive_a_restart(tmp_path: Path) -> None:
    with Server(PROGRAM, tmp_path) as server:
        ada, bob = await poster(server, "ada"), await poster(server, "bob")
        await bob.walk("follow", ada.profile)
        post = await ada.walk("publish", text="Still here", audience="followers")
    with Server(PROGRAM, tmp_path) as server:
        bob.server = server
        assert [read["text"] for read in await bob.feed()] == ["Still here"]
        assert (await bob.walk("like", post["id"]))["likes"] == ["bob"]


def test_its_own_tests_pass(tmp_path: Path) -> None:
    code, out, errors = run("test", str(PROGRAM / "main.jac"), folder=tmp_path)
    assert code == 0, out + errors
