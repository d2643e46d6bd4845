"""Rights: decides who may join, hear and send in a channel: its rule, or the rights on the node that its id names."""

from __future__ import annotations

import asyncio
import logging
import re
from asyncio import Task
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol

from walkwire.errors import PublicError
from walkwire.ids import SYSTEM_ROOT
from walkwire.server.channels.facts import Fact, NodeFacts, Nodes
from walkwire.server.channels.rules import SECONDS, Question, Rules
from walkwire.server.channels.tokens import ChannelTokens
from walkwire.store import Asking
from walkwire.walk.access import Level, decode_changes, level_by_grants, level_without_grants
from walkwire.wire.delivery.client import Client
from walkwire.wire.rights.rights import Deed

STEP_SECONDS = 0.01  # a channel of a node is refused after a multiple of this
AT_ONCE = 16  # users for whom a node's own rule is asked again at the same time
DECISION_SECONDS = 1.0  # for each of these questions; without an answer the user is refused

_NODE = re.compile(r"n:[^:]*:([0-9a-fA-F]{24})\Z")

_log = logging.getLogger(__name__)

AskLevel = Callable[[str, str], Awaitable[Level]]
"""Returns the level of a root on a node, both given by id, of a class that decides by itself."""


class Members(Protocol):
    """The clients in channels that follow a node. `wire/rights/membership` implements it."""

    def review(self, channel_id: str) -> None:
        """Let the clients of a channel hear it, or no longer, by the rights that are known now."""

    def users_in(self, channel_id: str) -> set[str]:
        """Return the users whose clients are, or would like to be, in a channel."""


class GraphRights:
    """The rights of channels, by rules and by the graph. `wire/rights` documents what the wire calls.

    - rules: come before the graph
    - tokens: verify channel tokens
    - send_level: the level on a node that a client needs to send; None: no client may
    - decides: tells by the name of a class whether its nodes have a method `__jac_access__`
    - ask_level: asks it; None: there is no such class
    """

    def __init__(
        self,
        nodes: Nodes,
        asking: Asking,
        members: Members,
        tokens: ChannelTokens,
        *,
        rules: Rules,
        send_level: Level | None,
        decides: Callable[[str], bool],
        ask_level: AskLevel,
        away: Callable[[], str | None],
    ) -> None:
        self.root_of = tokens.root_of
        self._members = members
        self._rules = rules
        self.has_rules = bool(rules)
        self._levels: dict[Deed, Level | None] = {"join": Level.READ, "send": send_level}
        self._decides = decides
        self._ask_level = ask_level
        self._facts = NodeFacts(
            nodes, asking, on_change=self._changed, on_forget=self._forget, decides=decides, away=away
        )
        self._channels: dict[str, set[str]] = {}  # watched, by the id of their node
        self._decided: dict[str, dict[str, Level]] = {}  # by node and root
        self._deciding: dict[str, Task[None]] = {}  # by node
        self._again: set[str] = set()  # nodes that changed while they were decided

    def covers(self, channel_id: str) -> bool:
        """Return whether the channel has a rule or follows a node."""
        if channel_id.startswith("n:") and _NODE.match(channel_id) is not None:
            return True
        return self.has_rules and self._rules.find(channel_id, False) is not None

    def follows(self, channel_id: str) -> bool:
        """Return whether the channel follows a node."""
        return channel_id.startswith("n:") and self._node_of(channel_id) is not None

    def allows(self, deed: Deed, client: Client, channel_id: str) -> bool | None:
        """Return whether the client may do this, as far as that is known."""
        node = self._node_of(channel_id)
        if node is not None:
            return self._is_enough(deed, self._level(client.root_id, node, self._facts.find(node)))
        rule = self._rules.find(channel_id, _NODE.match(channel_id) is not None)
        return False if rule is None else rule.known(deed, client, channel_id)

    async def ask(self, deed: Deed, client: Client, channel_ids: Collection[str]) -> frozenset[str]:
        """Return those of the channels in which the client may not do this."""
        clock = asyncio.get_running_loop().time
        begun, root_id = clock(), client.root_id
        nodes = {id: node for id in channel_ids if (node := self._node_of(id)) is not None}
        ruled = [id for id in channel_ids if id not in nodes]
        refused: set[str] = set()
        if ruled:
            answers = await asyncio.gather(*(self._ask_rule(deed, client, id) for id in ruled))
            refused.update(id for id, answer in zip(ruled, answers, strict=True) if not answer)
        if not nodes:
            return frozenset(refused)
        await self._ask_graph(deed, root_id, set(nodes.values()))
        if self._refused(deed, root_id, nodes):
            # It takes longer to find out that a node is forbidden than that it is absent. The client is not to see that.
            await asyncio.sleep(STEP_SECONDS - (clock() - begun) % STEP_SECONDS)
        return frozenset(refused.union(self._refused(deed, root_id, nodes)))

    def watch(self, channel_id: str) -> None:
        """Review the members of this channel when rights on its node may have changed."""
        node = self._node_of(channel_id)
        if node is not None:
            self._channels.setdefault(node, set()).add(channel_id)
            self._facts.watch(node)

    def unwatch(self, channel_id: str) -> None:
        """Do so no longer."""
        node = self._node_of(channel_id)
        if node is not None and (channels := self._channels.get(node)) is not None:
            channels.discard(channel_id)
            if not channels:
                del self._channels[node]
                self._facts.unwatch(node)

    def hear(self, data: bytes) -> None:
        """Take that rights on nodes changed."""
        if self._facts.is_empty:
            return
        try:
            self._facts.hear(decode_changes(data))
        except (ValueError, TypeError):
            _log.exception("A message about changed rights was passed over")

    def recheck(self) -> None:
        """Ask about everything again: messages of other servers may have been missed."""
        self._facts.recheck()

    async def stop(self) -> None:
        """Stop asking."""
        await self._facts.stop()
        self._rules.stop()
        for task in tuple(self._deciding.values()):
            task.cancel()

    def _node_of(self, channel_id: str) -> str | None:
        """Return the node that the channel follows; None: it follows none, or has a rule of its own."""
        found = _NODE.match(channel_id)
        if found is None or (self.has_rules and self._rules.find(channel_id, True) is not None):
            return None
        return found[1].lower()

    async def _ask_rule(self, deed: Deed, client: Client, channel_id: str) -> bool:
        rule = self._rules.find(channel_id, _NODE.match(channel_id) is not None)
        if rule is None:
            return False
        payer = client.root_id if client.is_authenticated else client.address
        return await rule.ask(Question(client.root_id, deed, channel_id, payer), client)

    async def _ask_graph(self, deed: Deed, root_id: str, nodes: Collection[str]) -> None:
        await self._facts.ask(nodes)
        open_to_it = [node for node in nodes if self._is_open(deed, root_id, node)]
        await asyncio.gather(*(self._decide(root_id, node, SECONDS) for node in open_to_it))

    def _is_open(self, deed: Deed, root_id: str, node: str) -> bool:
        """Return whether the node itself has to be asked what this user may do. A remembered refusal is asked for again."""
        fact = self._facts.peek(node)
        if fact is None or not self._decides(fact.kind):
            return False
        return not self._is_enough(deed, self._level(root_id, node, fact))

    async def _decide(self, root_id: str, node: str, seconds: float) -> None:
        """Ask a node for the level of a user, and remember it unless the node has changed meanwhile.

        A failure is no access, and the log has it.
        """
        level, asked = Level.NO_ACCESS, self._facts.peek(node)
        try:
            async with asyncio.timeout(seconds):
                level = await self._ask_level(root_id, node)
        except (PublicError, TimeoutError) as error:
            _log.warning(
                "Who may read the node %s could not be decided: %s", node, error or "it took too long"
            )
        except Exception:
            _log.exception("Who may read the node %s could not be decided", node)
        if asked is not None and self._facts.peek(node) == asked:
            self._decided.setdefault(node, {})[root_id] = level

    def _refused(self, deed: Deed, root_id: str, nodes: dict[str, str]) -> list[str]:
        return [
            channel_id
            for channel_id, node in nodes.items()
            if not self._is_enough(deed, self._level(root_id, node, self._facts.peek(node)))
        ]

    def _is_enough(self, deed: Deed, level: Level | None) -> bool | None:
        needed = self._levels[deed]
        return None if level is None else needed is not None and level >= needed

    def _level(self, root_id: str, node: str, fact: Fact | None) -> Level | None:
        """Return a user's level on a node by the rules of `walk/graph/rights`, as far as it is known."""
        if fact is None:
            return None
        if fact.version == 0 or fact.kind.startswith(("o:", "w:")):
            return Level.NO_ACCESS
        owner = fact.owner if fact.kind else node
        if root_id in (owner, SYSTEM_ROOT) or owner == "":
            return Level.WRITE
        if self._decides(fact.kind):
            return self._decided.get(node, {}).get(root_id)
        free = level_without_grants(root_id, owner)
        return self._granted(root_id, fact, owner) if free is None else free

    def _granted(self, root_id: str, fact: Fact, owner: str) -> Level:
        root = self._facts.peek(owner)
        if root is None or root.version == 0 or root.kind:
            return Level.NO_ACCESS
        return level_by_grants(root_id, fact.grants, root.grants)

    def _changed(self, node: str) -> None:
        fact = self._facts.peek(node)
        if fact is not None and self._decides(fact.kind):
            if node in self._deciding:
                self._again.add(node)
            else:
                task = asyncio.get_running_loop().create_task(self._decide_again(node))
                self._deciding[node] = task
                task.add_done_callback(lambda _: self._deciding.pop(node, None))
            return
        self._forget(node)
        self._review(self._channels.get(node, ()))

    async def _decide_again(self, node: str) -> None:
        """Ask a node again for all users who listen to it. What is known of others is forgotten."""
        while True:
            self._again.discard(node)
            channels = tuple(self._channels.get(node, ()))
            users = {root_id for channel_id in channels for root_id in self._members.users_in(channel_id)}
            levels = self._decided.get(node, {})
            self._decided[node] = {root_id: levels[root_id] for root_id in users if root_id in levels}
            waiting = list(users)
            while waiting:
                batch, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
                await asyncio.gather(*(self._decide(root_id, node, DECISION_SECONDS) for root_id in batch))
            self._review(channels)
            if node not in self._again:
                return

    def _forget(self, node: str) -> None:
        self._decided.pop(node, None)

    def _review(self, channel_ids: Iterable[str]) -> None:
        for channel_id in tuple(channel_ids):
            self._members.review(channel_id)
