"""Realtime: the page `/docs/realtime`, which shows the WebSocket's events, frames and notifications. It has no script.

`Any` in this file: the document that it shows (`asyncapi.py`).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

from walkwire.server.http.pages.frames import OWN, SCHEMAS
from walkwire.types.typescript import TypeText

_STYLE = """
:root { color-scheme: light dark; --line: #d5d9e0; --soft: #f5f6f8; --ink: #1d2430; --dim: #5a6475; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --line: #39414e; --soft: #1c222b; --ink: #e4e8ee; --dim: #a3adbb; --link: #7db9f5; }
  body { background: #12161c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 0 1.25rem 4rem; color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .8rem 0; border-bottom: 1px solid var(--line); }
a { color: var(--link); }
h1 { margin: 1.6rem 0 .4rem; font-size: 1.7rem; }
h2 { margin: 2.4rem 0 .4rem; font-size: 1.25rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
h3 { margin: 1.5rem 0 .2rem; font-size: 1rem; overflow-wrap: anywhere; }
h4 { margin: .8rem 0 .2rem; font-size: .85rem; font-weight: 600; color: var(--dim); }
p { margin: .3rem 0; white-space: pre-line; overflow-wrap: anywhere; }
.dim { color: var(--dim); }
pre {
  margin: .3rem 0; padding: .7rem .9rem; overflow-x: auto; background: var(--soft);
  border: 1px solid var(--line); border-radius: 6px;
}
code, pre { font-family: ui-monospace, monospace; font-size: .875rem; }
h3 code { font-size: 1rem; }
ul { padding-left: 1.2rem; }
summary { cursor: pointer; padding: .4rem 0; font-weight: 600; }
"""
# Marks in types, where a reference begins and ends: no name has such characters.
_BEGIN, _END = "\ue000", "\ue001"
_MARKED = re.compile(f"{_BEGIN}([^{_END}]*){_END}")

_PRE = '<pre tabindex="0">{}</pre>'  # who has no mouse scrolls it by keys

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


def realtime_page(document: dict[str, Any]) -> str:
    """Return the page, HTML, for an AsyncAPI document of `describe_socket`."""
    return _Page(document).html()


class _Page:
    def __init__(self, document: dict[str, Any]) -> None:
        self._title = document["info"]["title"]
        self._messages: dict[str, Any] = document["components"]["messages"]
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._channels: dict[str, Any] = document["channels"]
        self._types = TypeText(lambda name: f"{_BEGIN}{name}{_END}", SCHEMAS, is_exact=False)

    def html(self) -> str:
        title = escape(f"{self._title} - Realtime")
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<nav aria-label="Descriptions"><strong>{escape(self._title)}</strong>
<a href="../docs">REST</a> <a href="../redoc">REST, to read</a>
<a href="./realtime" aria-current="page">Realtime: the WebSocket</a> <a href="../asyncapi.json">asyncapi.json</a></nav>
<main>
<h1>The WebSocket</h1>
<p>One connection to <code>/websocket</code> calls walkers and hears what is told to channels, users and clients, in JSON.</p>
<ul>
<li><a href="#walkers">Walkers</a></li>
<li><a href="#notifications">Notifications</a></li>
{self._contents()}<li><a href="#types">Types</a></li>
</ul>
{self._walkers()}{self._notifications()}{self._versions()}{self._definitions()}
</main>
</body>
</html>
"""

    def _contents(self) -> str:
        return "".join(
            f'<li><a href="#{key}">{escape(one["title"])}</a></li>\n' for key, one in self._channels.items()
        )

    def _versions(self) -> str:
        return "".join(self._version(key, one) for key, one in self._channels.items())

    def _walkers(self) -> str:
        parts = []
        for key in self._keys("walker."):
            message, answer = self._messages[key], self._messages["answer." + key.removeprefix("walker.")]
            name = message["name"]
            event = json.dumps(_event(message["payload"], self._schemas), ensure_ascii=False)
            parts.append(
                f'<section><h3 id="{key}"><code>{escape(name)}</code></h3>{_text(message.get("description", ""))}'
                f"<h4>Event</h4>{_PRE.format(escape(event))}"
                f"<h4>Context</h4>{self._type(message['payload']['properties']['context'])}"
                f"<h4>Answer</h4>{self._type(answer['payload']['properties']['data'])}</section>"
            )
        none = '<p class="dim">No walker has the method <code>websocket</code>.</p>'
        return f'<h2 id="walkers">Walkers</h2>{"".join(parts) or none}'

    def _notifications(self) -> str:
        parts = [self._message(key) for key in self._keys("told.")]
        none = '<p class="dim">The program declares none: <code>tells</code> in the specs of a walker.</p>'
        return f'<h2 id="notifications">Notifications</h2>{"".join(parts) or none}'

    def _version(self, key: str, channel: dict[str, Any]) -> str:
        events = "".join(map(self._message, self._keys(f"{key}.event.")))
        frames = "".join(map(self._message, (one for one in self._keys(f"{key}.") if ".event." not in one)))
        return (
            f'<h2 id="{key}">{escape(channel["title"])}</h2><p class="dim">{escape(channel["description"])}</p>'
            f"<details><summary>Events of clients</summary>{events}</details>"
            f"<details><summary>Frames of the server</summary>{frames}</details>"
        )

    def _message(self, key: str) -> str:
        message = self._messages[key]
        return (
            f'<section><h3 id="{key}"><code>{escape(message["name"])}</code></h3>{_text(message.get("description", ""))}'
            f"{self._type(message['payload'])}</section>"
        )

    def _definitions(self) -> str:
        own = (name for name in self._schemas if not name.startswith(OWN))
        parts = [
            f'<section><h3 id="type-{escape(name)}"><code>{escape(name.removeprefix(OWN))}</code></h3>'
            f"{_text(self._schemas[name].get('description', ''))}{self._type(self._schemas[name])}</section>"
            for name in (*sorted(own), *sorted(name for name in self._schemas if name.startswith(OWN)))
        ]
        return f'<h2 id="types">Types</h2>{"".join(parts)}'

    def _type(self, schema: Any) -> str:
        text = escape(self._types.of(schema))
        return _PRE.format(_MARKED.sub(_link, text))

    def _keys(self, prefix: str) -> Iterable[str]:
        return [key for key in self._messages if key.startswith(prefix)]


def _event(payload: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return an event that calls a walker, with what it has to give."""
    made = _example(payload, schemas)
    if "node" in made:
        made["node"] = "n:Class:672b35cec309e5ef8469c372"
    return {**made, "context": made.get("context", {}), "id": 1}


def _example(schema: Any, schemas: dict[str, Any], depth: int = 6) -> Any:
    """Return a value that fits a schema, with required keys only; null beyond `depth`: objects may nest."""
    if depth == 0:
        return None
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].removeprefix(SCHEMAS)], schemas, depth - 1)
    if schema.get("anyOf"):
        return _example(schema["anyOf"][0], schemas, depth - 1)
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else next(iter(schema["enum"]), None)
    if schema.get("type") == "object":
        fields = {name: schema["properties"][name] for name in schema.get("required", ())}
        return {name: _example(one, schemas, depth - 1) for name, one in fields.items()}
    kinds = {"string": "…", "integer": 1, "number": 1.5, "boolean": True, "array": []}
    return kinds.get(str(schema.get("type")))


def _link(found: re.Match[str]) -> str:
    name = found[1]
    return f'<a href="#type-{name}">{name.removeprefix(OWN)}</a>'


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""
