"""The routes of the WebSocket's description."""

from __future__ import annotations

import base64
import hashlib
import re
from urllib.parse import urljoin

from tests.serving import Server


async def test_the_page_may_load_nothing_and_its_links_are_served(described: Server) -> None:
    page = await described.request("GET", "/docs/realtime")
    assert page.headers["content-type"].startswith("text/html")
    (style,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    links = [one for one in re.findall(r'href="([^"#]*)"', page.text) if not one.startswith("data:")]
    assert links == ["../docs", "../redoc", "./realtime", "../asyncapi.json"]
    for link in links:
        assert (await described.request("GET", urljoin("/docs/realtime", link))).status_code == 200, link


async def test_the_description_follows_the_program(described: Server) -> None:
    answer = await described.request("GET", "/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["asyncapi"] == "3.0.0"
