"""Roster: which of this server's clients are in one channel, as users, and what other servers have to be told of it."""

from __future__ import annotations

from walkwire.ids import PUBLIC_ROOT
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.presence.people import People


class Member:
    """A user who is in the channel.

    - connections: how many of its clients are
    - due: when it is there no longer, as all of them were dropped; 0: they were not
    """

    __slots__ = ("connections", "due", "info")

    def __init__(self) -> None:
        self.connections = 0
        self.info = b""
        self.due = 0.0


class Roster:
    """The clients of this server in a channel.

    - people: everybody in the channel, of all servers
    - members: this server's own, by root id
    - public: how many connections have not signed in
    - outgoing: users of whom other servers have to be told anew
    - is_outgoing: whether there is anything to tell
    - uncounted: clients that were in the channel when it began to be tracked, and have not been looked at yet
    """

    __slots__ = (
        "_connections",
        "_server",
        "channel_id",
        "is_outgoing",
        "members",
        "outgoing",
        "people",
        "public",
        "uncounted",
    )

    def __init__(self, channel_id: str, server: str) -> None:
        self.channel_id = channel_id
        self.people = People()
        self.members: dict[str, Member] = {}
        self.public = 0
        self.outgoing: dict[str, None] = {}
        self.is_outgoing = False
        self.uncounted: list[Client] = []
        self._server = server
        self._connections: dict[Client, str] = {}

    @property
    def is_empty(self) -> bool:
        """Return whether no client of this server is in the channel, and none was lately."""
        return not (self.members or self.public or self.is_outgoing or self.uncounted)

    def count(self, most: int) -> None:
        """Look at so many clients that have not been counted."""
        for client in self.uncounted[-most:]:
            is_in = self.channel_id in client.channels and self.channel_id not in client.refused
            if is_in and client.transport is not GONE:
                self.enter(client)
        del self.uncounted[-most:]

    def enter(self, client: Client) -> None:
        """Count a client. Does nothing if it is counted."""
        if client in self._connections:
            return
        root_id = client.root_id
        self._connections[client] = root_id
        if root_id == PUBLIC_ROOT:
            self._count_public(1)
            return
        member = self.members.get(root_id)
        if member is None:
            member = self.members[root_id] = Member()
            self._show(root_id, member, b"")
        member.connections += 1
        member.due = 0.0
        self.refresh(client)

    def refresh(self, client: Client) -> None:
        """Show the info of a client, the last that has any, for its user."""
        info = b"" if client.session is None else client.session.info
        member = self.members.get(self._connections.get(client, ""))
        if member is not None and info and info != member.info:
            self._show(client.root_id, member, info)

    def exit(self, client: Client, due: float = 0.0) -> str | None:
        """Count a client no longer. If it was the last of its user, the user leaves: now, or with `due` then.

        Return the user if `expire` has to be called.
        """
        root_id = self._connections.pop(client, None)
        if root_id is None:
            return None
        if root_id == PUBLIC_ROOT:
            self._count_public(-1)
            return None
        member = self.members[root_id]
        member.connections -= 1
        if member.connections:
            return None
        if due:
            member.due = due
            return root_id
        self._remove(root_id)
        return None

    def expire(self, root_id: str, due: float) -> None:
        """Let a user leave, unless it has come back since it was to leave then."""
        member = self.members.get(root_id)
        if member is not None and member.due == due:
            self._remove(root_id)

    def take_outgoing(self) -> tuple[list[tuple[str, bytes]], list[str]]:
        """Return users who are there now, each with its info, and users who are not, of those that have changed."""
        members = self.members
        joined = [(root_id, members[root_id].info) for root_id in self.outgoing if root_id in members]
        left = [root_id for root_id in self.outgoing if root_id not in members]
        self.outgoing.clear()
        self.is_outgoing = False
        return joined, left

    def _remove(self, root_id: str) -> None:
        del self.members[root_id]
        self.people.remove(self._server, root_id)
        self._tell(root_id)

    def _show(self, root_id: str, member: Member, info: bytes) -> None:
        member.info = info
        self.people.set(self._server, root_id, info)
        self._tell(root_id)

    def _count_public(self, change: int) -> None:
        self.public += change
        self.people.set_public(self._server, self.public)
        self.is_outgoing = True

    def _tell(self, root_id: str) -> None:
        self.outgoing[root_id] = None
        self.is_outgoing = True
