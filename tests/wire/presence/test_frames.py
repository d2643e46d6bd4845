"""The frames are the JSON that `docs/protocol-v2.md` shows."""

from __future__ import annotations

import json

from walkwire.wire.presence import frames
from walkwire.wire.presence.people import entry_of

ANN = entry_of("a" * 24, b'{"name":"Ann"}')


def test_each_frame_is_json_with_the_channel_whatever_its_name() -> None:
    user = {"root_id": f"n::{'a' * 24}", "info": {"name": "Ann"}}
    head = {"type": "presence", "channel_id": 'd"en'}
    assert json.loads(frames.change('d"en', [ANN], [], 1)) == head | {
        "joined": [user],
        "left": [],
        "count": 1,
    }
    assert json.loads(frames.whole('d"en', [ANN], 1)) == head | {"users": [user], "count": 1}
    assert json.loads(frames.number('d"en', 7)) == head | {"count": 7}
    page = {"channel_id": 'd"en', "users": [user, user], "count": 9, "has_more": True}
    assert json.loads(frames.page('d"en', [ANN, ANN], 9, True)) == page
    assert json.loads(frames.state([], 0)) == {"users": [], "count": 0}
    assert json.loads(frames.state(None, 4)) == {"count": 4}
    assert json.loads(entry_of("b" * 24, b""))["info"] == {}
