"""Membership: in which channels each client of this server is, and who decides that: a policy, a rule, or the rights on a node.

A client is kept out of a channel until it is known that it may be there. So a channel of `client.channels` is either one that the
client hears, or one of `client.refused`.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from walkwire.errors import Limited, PublicError, Refused
from walkwire.ids import CHANNEL_LENGTH
from walkwire.wire.delivery.channel import Channels
from walkwire.wire.delivery.client import GONE, Client
from walkwire.wire.delivery.turn import Turn
from walkwire.wire.rights.rights import ChannelRights, NoRights
from walkwire.wire.rights.watchers import Watchers

REVIEWED = 2000  # clients of a channel whose rights are reviewed in one turn of the event loop

_NOBODY: frozenset[str] = frozenset()

_log = logging.getLogger(__name__)


class Membership:
    """The channels of this server's clients. Its calls are as those of the hub.

    - rights: decide about the channels that they cover; the join policy decides about the others
    - settling: the tasks that find out in which channels a client may be
    - when_subscribed: returns a future that is done when all subscriptions are in force, None if they are
    - may_join: the join policy, given whether the client has signed in
    - require_join: the same; raises Refused
    - limits: how many channels a connection may be in, and how many characters their ids may have in all
    """

    def __init__(
        self,
        channels: Channels,
        turn: Turn,
        *,
        when_subscribed: Callable[[], Future[None] | None],
        may_join: Callable[[bool], bool],
        require_join: Callable[[bool], None],
        limits: tuple[int, int],
    ) -> None:
        self._channels = channels
        self._turn = turn
        self._when_subscribed = when_subscribed
        self._may_join = may_join
        self._require_join = require_join
        self._limits = limits
        self.settling: set[asyncio.Task[None]] = set()
        self.use(NoRights())

    def use(self, rights: ChannelRights) -> None:
        """Let these rights decide. Call it before the first client enters."""
        self.rights = rights
        self._covers = rights.covers
        self._watchers = Watchers(rights.watch, rights.unwatch)

    def ask_again(self, client: Client, was_in: Collection[str]) -> Future[None] | None:
        """Let a client be in those of its channels in which its user may be. Call it when it enters or changes its user.

        - was_in: the channels that it hears now

        The future that is returned is done when the channels are decided that have to be asked about.
        """
        asked: list[str] = []
        refused: set[str] = set()
        for channel_id in client.channels:
            is_covered = self._covers(channel_id)
            may = self._may_be_in(client, channel_id, is_covered)
            if is_covered and self.rights.follows(channel_id):
                self._watchers.add(channel_id, client)
            if not may:
                refused.add(channel_id)
                self._channels.leave(channel_id, client)
                if may is None:
                    asked.append(channel_id)
            elif channel_id not in was_in:
                self._channels.join(channel_id, client)
        client.refused = frozenset(refused)
        return self._begin(self._settle(client, asked)) if asked else self._when_subscribed()

    def show(self, client: Client, tokens: Mapping[str, str]) -> None:
        """Let channel tokens count for those of its channels that the client is not in yet. Call `ask_again` afterwards."""
        for channel_id in self._shown(client, client.channels, tokens):
            _give(client, channel_id, client.root_id)

    def require_few(self, channel_ids: Collection[str]) -> None:
        """Raise Limited if these are more channels than a connection may be in."""
        if (problem := self._exceeded(channel_ids)) is not None:
            raise Limited(problem)

    async def require(self, client: Client, channel_id: str) -> None:
        """Raise Refused unless a client may be in a channel."""
        may = self._may_be_in(client, channel_id, self._covers(channel_id))
        if may is None:
            if await self.rights.ask("join", client, (channel_id,)):
                raise Refused("You may not join this channel.")
        elif not may:
            self._require_join(client.is_authenticated)

    def admit(
        self, client: Client, channel_ids: Collection[str], tokens: Mapping[str, str] | None = None
    ) -> Future[None] | None:
        """Put a client into the channels that it asks for: into all of them, or raise Refused or Limited.

        The future that is returned may fail with these as well. `tokens` are channel tokens by channel id.
        """
        given = self._shown(client, channel_ids, tokens) if tokens else _NOBODY
        asked: list[str] = []
        for channel_id in channel_ids:
            may = channel_id in given or self._may_be_in(client, channel_id, self._covers(channel_id))
            if may is None:
                asked.append(channel_id)
            elif not may:
                self._require_join(client.is_authenticated)
        self.require_few(client.channels.union(channel_ids))
        if asked:
            return self._begin(self._admit_if_allowed(client, channel_ids, asked, given))
        return self._put_into(client, channel_ids, given)

    def put(self, client: Client, channel_id: str, *, stays: bool = False) -> None:
        """Put a client into a channel, whatever policies and rules say.

        It hears a channel that follows a node only with the right to. With `stays` it stays there when its user changes. A client
        of version 2 is told.
        """
        problem = self._exceeded(client.channels.union((channel_id,)))
        if channel_id not in client.channels and problem is not None:
            _log.warning("Client %s was not put into one more channel: %s", client.id, problem)
            return
        rights = self.rights
        is_new = channel_id not in client.channels or channel_id in client.refused
        if stays or (rights.covers(channel_id) and not rights.follows(channel_id)):
            _give(client, channel_id, None if stays else client.root_id)
        if not rights.follows(channel_id) or rights.allows("join", client, channel_id):
            self._join(client, channel_id)
            if is_new:
                self._channels.tell_joined(channel_id, client)
        elif is_new:
            client.channels.add(channel_id)
            client.refused |= {channel_id}
            self._watchers.add(channel_id, client)
            self._begin(self._settle(client, [channel_id]))

    def take_out(self, client: Client, channel_id: str) -> None:
        """Take a client out of a channel that it has not left. A client of version 2 is told."""
        was_in = channel_id in client.channels
        self.leave(client, channel_id)
        if was_in:
            self._channels.tell_left(channel_id, client)

    def leave(self, client: Client, channel_id: str) -> None:
        """Let a client leave a channel."""
        self._turn.resolve_members()
        client.channels.discard(channel_id)
        client.refused -= {channel_id}
        if client.given is not None:
            client.given.pop(channel_id, None)
        self._channels.leave(channel_id, client)
        if self._watchers:
            self._watchers.discard(channel_id, client)

    def end(self, client: Client) -> None:
        """Take a client that has gone out of all channels. Call `Turn.remove` before."""
        for channel_id in client.channels:
            self._channels.leave(channel_id, client, is_gone=True)
            if self._watchers:
                self._watchers.discard(channel_id, client)

    def review(self, channel_id: str) -> None:
        """Let the clients of a channel that follows a node hear it, or no longer, by the rights that are known now."""
        self._review(channel_id, self._watchers.of(channel_id))

    def users_in(self, channel_id: str) -> set[str]:
        """Return the users whose clients are, or would like to be, in a channel that follows a node."""
        return {client.root_id for client in self._watchers.of(channel_id)}

    def _may_be_in(self, client: Client, channel_id: str, is_covered: bool) -> bool | None:
        """Return whether a client may put itself into a channel, or stay there; None: that has to be asked."""
        if client.has_own_channel and channel_id == client.channel_id:
            return True
        if is_covered:
            is_given = not self.rights.follows(channel_id) and self._is_given(client, channel_id)
            return is_given or self.rights.allows("join", client, channel_id) or None
        return self._may_join(client.is_authenticated) or self._is_given(client, channel_id)

    def _is_given(self, client: Client, channel_id: str) -> bool:
        """Return whether a walker or a token put the client, as this user, into the channel."""
        if client.given is not None and channel_id in client.given:
            if client.given[channel_id] in (None, client.root_id):
                return True
            del client.given[channel_id]
        token = client.channel_token
        if token is None or channel_id != client.channel_id:
            return False
        return self.rights.root_of(channel_id, token) == client.root_id

    def _shown(
        self, client: Client, channel_ids: Collection[str], tokens: Mapping[str, str]
    ) -> frozenset[str]:
        """Return those of the channels for which the client has a valid token of its user."""
        return frozenset(
            channel_id
            for channel_id in channel_ids
            if (token := tokens.get(channel_id)) is not None
            and self.rights.root_of(channel_id, token) == client.root_id
            and not self.rights.follows(channel_id)
        )

    async def _admit_if_allowed(
        self, client: Client, channel_ids: Collection[str], asked: Collection[str], given: Collection[str]
    ) -> None:
        root_id = client.root_id
        refused = await self.rights.ask("join", client, asked)
        if refused or client.root_id != root_id:
            raise Refused("You may not join this channel." if len(channel_ids) == 1 else _NOT_ALL)
        if client.transport is GONE:
            return
        self.require_few(client.channels.union(channel_ids))
        waiting = self._put_into(client, channel_ids, given)
        if waiting is not None:
            await waiting

    def _put_into(
        self, client: Client, channel_ids: Collection[str], given: Collection[str]
    ) -> Future[None] | None:
        for channel_id in channel_ids:
            self._join(client, channel_id)
        for channel_id in given:
            _give(client, channel_id, client.root_id)
        return self._when_subscribed()

    def _join(self, client: Client, channel_id: str) -> None:
        self._turn.resolve_members()
        client.refused -= {channel_id}
        client.channels.add(self._channels.join(channel_id, client).name)  # one string for all members
        if self._covers(channel_id) and self.rights.follows(channel_id):
            self._watchers.add(channel_id, client)

    def _exceeded(self, channel_ids: Collection[str]) -> str | None:
        """Return the limit that these channels of one connection exceed, in a sentence; None: none."""
        most, most_characters = self._limits
        if len(channel_ids) > most:
            return f"A connection may be in {most} channels at most."
        is_long = len(channel_ids) * CHANNEL_LENGTH > most_characters
        if is_long and sum(map(len, channel_ids)) > most_characters:
            return f"The ids of a connection's channels may have {most_characters:,} characters in all."
        return None

    def _begin(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        task = asyncio.get_running_loop().create_task(work)
        self.settling.add(task)
        task.add_done_callback(self.settling.discard)
        return task

    async def _settle(self, client: Client, channel_ids: Collection[str]) -> None:
        """Ask about channels that the client is kept out of, and let it into those in which it may be. Never raises."""
        root_id = client.root_id
        try:
            refused = await self.rights.ask("join", client, channel_ids)
        except Exception as error:
            is_fault = not isinstance(error, PublicError)
            _log.error("Client %s is kept out of its channels: %s", client.id, error, exc_info=is_fault)
            return
        if client.transport is not GONE and client.root_id == root_id:
            for channel_id in channel_ids:
                if channel_id not in refused and channel_id in client.refused:
                    self._join(client, channel_id)
                    self._channels.tell_joined(channel_id, client)
        waiting = self._when_subscribed()
        if waiting is not None:
            await waiting

    def _review(self, channel_id: str, clients: list[Client]) -> None:
        self._turn.resolve_members()
        for client in clients[:REVIEWED]:
            may = self.rights.allows("join", client, channel_id)
            is_in = channel_id not in client.refused
            if may is None or may == is_in or channel_id not in client.channels:
                continue
            if may:
                self._join(client, channel_id)
                self._channels.tell_joined(channel_id, client)
            else:
                client.refused |= {channel_id}
                self._channels.leave(channel_id, client)
                self._channels.tell_left(channel_id, client, "forbidden")
        if len(clients) > REVIEWED:
            asyncio.get_running_loop().call_soon(self._review, channel_id, clients[REVIEWED:])


_NOT_ALL = "You may not join all of these channels."


def _give(client: Client, channel_id: str, root_id: str | None) -> None:
    """Note that a walker or a token put the client into a channel, for this user; None: for any user."""
    if client.given is None:
        client.given = {}
    client.given[channel_id] = root_id
