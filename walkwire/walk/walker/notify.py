"""Notify: the public object `socket`, through which a program notifies users, channels and clients.

It encodes the data once, and hands addressees and bytes to the run, which holds them until its commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from walkwire.errors import Limited
from walkwire.ids import CHANNEL_LENGTH
from walkwire.walk.archetypes.root import root_id_of
from walkwire.walk.audience import Addressees, Overflow
from walkwire.walk.current import current
from walkwire.walk.walker.report import encode


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

    def join(self, client_id: str, channel_id: str) -> None:
        """Let a connection join a channel, once the walk is committed. Raises Limited for a channel id that is too long."""
        if len(str(channel_id)) > CHANNEL_LENGTH:
            raise Limited(f"A channel id has at most {CHANNEL_LENGTH:,} characters.")
        self._put("join", (client_id, channel_id), None, now=False)

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


def _texts(ids: Iterable[str]) -> tuple[str, ...]:
    if isinstance(ids, str):
        raise TypeError("Give a list of ids, not one string")
    return tuple(dict.fromkeys(str(id) for id in ids if id is not None))
