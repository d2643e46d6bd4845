"""The page of the WebSocket shows what is there, and runs nothing."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from tests.serving import Server


@pytest.fixture
async def page(described: Server) -> str:
    return (await described.request("GET", "/docs/realtime")).text


def test_walkers_notifications_events_and_types_are_shown(page: str) -> None:
    for heading in (
        "add",
        "look",
        "later",
        "card",
        "connection",
        "change_user",
        "connect",
        "presence",
        "Card",
    ):
        assert f"<code>{heading}</code>" in page, heading
    assert "Adds a card &amp; says so." in page
    assert 'reports: <a href="#type-Card">Card</a>[];' in page
    assert "data: number;" in page
    events = [json.loads(unescape(one)) for one in re.findall(r">Event</h4><pre[^>]*>(.*?)</pre>", page)]
    nested = events.pop()["context"]["thing"]
    assert nested == {"inside": {}}
    assert events == [
        {"type": "walker", "walker": "add", "context": {"text": "…"}, "id": 1},
        {"type": "walker", "walker": "later", "context": {}, "id": 1},
        {
            "type": "walker",
            "walker": "look",
            "node": "n:Class:672b35cec309e5ef8469c372",
            "context": {},
            "id": 1,
        },
    ]


def test_what_a_program_writes_is_text(page: str) -> None:
    assert "A &lt;b&gt;card&lt;/b&gt;." in page
    assert "<code>größe &lt;i&gt;</code>" in page
    assert "<b>card" not in page
    assert "<script" not in page


def test_each_link_leads_to_something(page: str) -> None:
    ids = re.findall(r' id="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(ids)


async def test_a_program_without_declarations_has_a_page_too(described: Server) -> None:
    from walkwire.server.http.pages.asyncapi import describe_socket
    from walkwire.server.http.pages.socket import describe_page
    from walkwire.walk.registry import Registry

    page = describe_page(lambda: describe_socket(Registry(), "<nothing>")).decode()
    assert "No walker has the method" in page
    assert "&lt;nothing&gt; - Realtime" in page
