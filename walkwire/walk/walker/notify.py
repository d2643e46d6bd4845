"""Notify: the public object `socket`, through which a program notifies users, channels and clients.

It encodes the data once, and hands addressees and bytes to the run, which holds them until its commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypedDict, get_args

from walkwire.errors import Limited
from walkwire.ids import CHANNEL_LENGTH
from walkwire.walk.archetypes.root import root_id_of
from walkwire.walk.audience import Addressees, Overflow
from walkwire.walk.current import current
from walkwire.walk.walker.report import encode

LONGEST_TOKEN = 366 * 24 * 3600  # seconds
MOST_ROOTS = 1000  # that one question names


class OnlineUser(TypedDict):
    """A user who is in a channel: a reference to the root, and what the client gave as `info`."""

    root_id: str
    info: dict[str, Any]


class Online(TypedDict):
    """Who is in a channel."""

    count: int
    users: list[OnlineUser]


class Socket:
    """Sends notifications to users, channels and clients. `data` is any value that can be reported, and becomes JSON.

    If the walk has uncommitted changes, a notification is sent right after their commit. Otherwise it is sent at once, if
    everything that the walk has read so far is consistent; if not, the walk is retried, and nothing is sent. With `now=True` a
    notification is sent at once without a check: it may report changes that are never committed, or an inconsistent state.

    `keep` is the overflow policy: what to drop when a client does not read as fast as it is sent to.

    - "close": drop nothing, and close the connection when too much is unsent
    - "drop_oldest": drop the oldest unsent notifications
    - "latest": keep only the latest unsent notification for the same addressees
    - None: the policy that is configured for the channel

    All methods raise RuntimeError outside of a walk, and NotPrintable for data that JSON cannot express.
    """

    def notify_self(self, data: Any) -> None:
        """Notify the connection whose event this walk answers. Sent at once and without a check, as with `now=True`.

        Does nothing over REST, and in tasks: there is no such connection.
        """
        client_id = current().client_id
        if client_id is not None:
            self._put("clients", (client_id,), data, now=True)

    def notify_users(
        self, roots: Iterable[Any], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Notify all connections of users. `roots` are their roots, as nodes, references or ids; None is skipped.

        Raises BadReference for a value that names no root.
        """
        root_ids = tuple(dict.fromkeys(root_id_of(root) for root in roots if root is not None))
        self._put("users", root_ids, data, now, keep)

    def notify_channels(
        self, channel_ids: Iterable[str], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Notify all connections in these channels."""
        self._put("channels", _texts(channel_ids), data, now, keep)

    def notify_clients(
        self, client_ids: Iterable[str], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Notify these connections."""
        self._put("clients", _texts(client_ids), data, now, keep)

    def join(self, client_id: str | None, channel_id: str, *, stays: bool = False) -> None:
        """Let a connection join a channel, once the walk is committed, whatever rules and policies say of the channel.

        A channel whose id is the reference of a node is heard only with READ on the node.

        - client_id: such as `current_client()`; None: nothing is done
        - stays: the connection stays in the channel when its user changes

        Raises Limited for a channel id that is too long.
        """
        _check_length(channel_id)
        if client_id is not None:
            self._put("join", (client_id, channel_id), stays or None, now=False)

    def channel_token(self, channel_id: str, *, seconds: float = 3600, root: Any = None) -> str:
        """Return a token with which a user's clients may join a channel, as if a walker had called `join` for them.

        - seconds: how long it may be used
        - root: the user's root, as a node, a reference or an id; None: the caller of the walk

        Raises Limited for a channel id that is too long, ValueError for other than a positive time, BadReference, RuntimeError
        outside of a server.
        """
        _check_length(channel_id)
        if not 0 < seconds <= LONGEST_TOKEN:
            raise ValueError(
                f"A channel token lasts between 0 and {LONGEST_TOKEN:,} seconds, not {seconds!r}"
            )
        run = current()
        root_id = run.graph.caller if root is None else root_id_of(root)
        return run.host.channel_token(str(channel_id), root_id, seconds)

    def online(self, channel_id: str) -> Online:
        """Return who is in a channel at this moment, on all servers: `{"count": 2, "users": [{"root_id": "n::…", "info": {}}]}`.

        The users are sorted by root id, the first 1,000. The count has those as well who have not signed in. It is no part of the
        graph: the walk is not retried because it has changed meanwhile. Nobody is there outside of a server.

        Raises Limited for a channel id that is too long, Busy if the server does not know in time.
        """
        _check_length(channel_id)
        count, users = current().host.online(str(channel_id))
        return {"count": count, "users": [json.loads(user) for user in users]}

    def online_users(self, roots: Iterable[Any]) -> list[Any]:
        """Return those of the roots whose users have a connection at this moment, to any server, as they were given.

        - roots: nodes, references or ids; at most 1,000; None is skipped

        Raises BadReference for a value that names no root, Limited for more, Busy if the server does not know in time.
        """
        named = [(root, root_id_of(root)) for root in roots if root is not None]
        if len(named) > MOST_ROOTS:
            raise Limited(f"{MOST_ROOTS:,} roots may be asked about at a time.")
        found = current().host.online_users(frozenset(root_id for _, root_id in named))
        return [root for root, root_id in named if root_id in found]

    def leave(self, client_id: str, channel_id: str) -> None:
        """Let a connection leave a channel, once the walk is committed."""
        self._put("leave", (client_id, channel_id), None, now=False)

    def _put(
        self, kind: str, targets: tuple[str, ...], data: Any, now: bool, keep: Overflow | None = None
    ) -> None:
        run = current()
        if keep is not None and keep not in get_args(Overflow):
            raise ValueError(f"keep is one of {', '.join(get_args(Overflow))}, not {keep!r}")
        if targets:
            run.notify(Addressees(kind, targets, keep), encode(data), now)


socket = Socket()


def _check_length(channel_id: str) -> None:
    if len(str(channel_id)) > CHANNEL_LENGTH:
        raise Limited(f"A channel id has at most {CHANNEL_LENGTH:,} characters.")


def _texts(ids: Iterable[str]) -> tuple[str, ...]:
    if isinstance(ids, str):
        raise TypeError("Give a list of ids, not one string")
    return tuple(dict.fromkeys(str(id) for id in ids if id is not None))
