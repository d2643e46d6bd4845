"""Redis cluster: a history whose streams are where their topics are, each on the node that has its slot.

When a slot moves to another node, or another process takes the place of a node, the streams there begin new epochs.
"""

from __future__ import annotations

from typing import Any

from walkwire.brokers.keeping import Names
from walkwire.brokers.redis_cluster import ClusterNode, RedisCluster, read_cluster_url
from walkwire.errors import Unreached
from walkwire.histories.redis import SCRIPTS, RedisHistory
from walkwire.histories.requests import Requests


class ClusterNodes:
    """The nodes of a cluster; see `histories.redis.Servers`."""

    is_sharded = True

    def __init__(self, settings: dict[str, Any], prefix: str, seeds: list[ClusterNode]) -> None:
        self.broker = RedisCluster(settings, prefix, seeds)
        self._settings = settings
        self._requests: dict[ClusterNode, Requests] = {}

    def requests(self, topic: str) -> Requests:
        """Return how the node that has the topic's slot is asked. Raises Unreached if none is known to have it."""
        node = self.broker.node_of(topic)
        if node is None:
            raise Unreached
        if node not in self._requests:
            settings = self._settings | {"host": node[0], "port": node[1]}
            self._requests[node] = Requests(settings, SCRIPTS)
        return self._requests[node]

    async def close(self) -> None:
        """Disconnect from all nodes."""
        for requests in self._requests.values():
            await requests.close()


def open_redis_cluster_history(url: str) -> RedisHistory:
    """Return a history for the Redis cluster of a broker's URL, not started yet. Raises StartError."""
    settings, prefix, seeds = read_cluster_url(url)
    return RedisHistory(ClusterNodes(settings, prefix, seeds), Names(prefix))
