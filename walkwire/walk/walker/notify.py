"""Notify: the public `socket`. Encodes once, holds until the commit, and hands audience and bytes to a callable.

It knows no hub: what becomes of a notification is the callable's affair (`server/dispatch` gives it).
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
    """What a walker tells users, channels and clients. `data` is any value that can be reported; it arrives as it is.

    A notification waits for the commit if the walk has uncommitted changes. Otherwise it leaves at once, if all that the walk
    has read so far was so at one moment; if it was not, the walk is run again without having told. With `now=True` it does not
    wait, and nothing is checked: it may tell what is never committed, and a state that never was.

    `keep` tells what becomes of it where a listener does not read as fast as it is told: "close" keeps all, and closes the
    connection when too much waits; "drop_oldest" drops what waits longest; "latest" keeps only the latest for the same
    audience. None: as is configured for the channel.

    All raise RuntimeError outside of a walk.
    """

    def notify_self(self, data: Any) -> None:
        """Tell the connection whose event this walk answers, as with `now=True`: nothing that the walk has read is checked.

        Over REST there is no such connection, and nothing happens.
        """
        client_id = current().client_id
        if client_id is not None:
            self._put("clients", (client_id,), data, now=True)

    def notify_users(
        self, roots: Iterable[Any], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Tell every connection of these users: roots as nodes, references or ids; None is passed over.

        Raises BadReference for what names no root.
        """
        root_ids = tuple(dict.fromkeys(root_id_of(root) for root in roots if root is not None))
        self._put("users", root_ids, data, now, keep)

    def notify_channels(
        self, channel_ids: Iterable[str], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Tell every connection in these channels."""
        self._put("channels", _texts(channel_ids), data, now, keep)

    def notify_clients(
        self, client_ids: Iterable[str], data: Any, now: bool = False, keep: Overflow | None = None
    ) -> None:
        """Tell these connections."""
        self._put("clients", _texts(client_ids), data, now, keep)

    def join(self, client_id: str, channel_id: str) -> None:
        """Put a connection into a channel, when the walk is committed. Raises Limited for an id that is too long for one."""
        if len(str(channel_id)) > CHANNEL_LENGTH:
            raise Limited(f"A channel id has at most {CHANNEL_LENGTH:,} characters.")
        self._put("join", (client_id, channel_id), None, now=False)

    def leave(self, client_id: str, channel_id: str) -> None:
        """Take a connection out of a channel, when the walk is committed."""
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
