"""Rights: who may join, hear and send in channels that no policy decides about. `server/channels` implements them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Protocol

from walkwire.wire.delivery.client import Client

Deed = Literal["join", "send"]


class ChannelRights(Protocol):
    """The rules of channels, and the rights of the graph. All calls come from the event loop of the sockets.

    A channel is of one of three kinds: it has a rule, it follows the rights of a node, or neither; then a policy decides.

    - has_rules: whether there are rules. Without, only channels whose id begins with `n:` are covered
    """

    has_rules: bool

    def covers(self, channel_id: str) -> bool:
        """Return whether the channel has a rule or follows a node. Called for each event: takes less than a microsecond."""

    def follows(self, channel_id: str) -> bool:
        """Return whether the channel follows a node, so that its members may lose and gain the right to hear it."""

    def allows(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return whether the client may do this, as far as that is known; None: it is not, so `ask`.

        For a refusal ask as well: its time tells whether the node exists.
        """

    async def ask(self, deed: Deed, client: Client, channel_ids: Collection[str]) -> frozenset[str]:
        """Return those of the channels in which the client, as its present user, may not do this.

        The result is true when it is returned: act on it before the next `await`. A channel that follows a node is refused after
        the same time whether the node is absent or forbidden. Raises PublicError, and what a rule of the program raises.
        """

    def root_of(self, channel_id: str, token: str) -> str | None:
        """Return the user whose clients a channel token lets into this channel; None for an invalid or expired token."""

    def watch(self, channel_id: str) -> None:
        """Call `Membership.review` from now on when rights on the node that this channel follows may have changed."""

    def unwatch(self, channel_id: str) -> None:
        """Do so no longer."""

    def hear(self, data: bytes) -> None:
        """Take that rights on nodes changed, as a walk of this or of another server tells it. Never raises."""


class NoRights:
    """The rights of a server that has no graph and no rules: policies decide about every channel."""

    has_rules = False

    def covers(self, channel_id: str) -> bool:
        """Return False."""
        return False

    def follows(self, channel_id: str) -> bool:
        """Return False."""
        return False

    def allows(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return False."""
        return False

    async def ask(self, deed: Deed, client: Client, channel_ids: Collection[str]) -> frozenset[str]:
        """Refuse all."""
        return frozenset(channel_ids)

    def root_of(self, channel_id: str, token: str) -> str | None:
        """Return None."""
        return None

    def watch(self, channel_id: str) -> None:
        """Do nothing."""

    def unwatch(self, channel_id: str) -> None:
        """Do nothing."""

    def hear(self, data: bytes) -> None:
        """Do nothing."""
