"""Webhook: what another service shows instead of a token, to walk as the root that made the key, where the key says so.

A key reads `<root id>:<Unix second>:<32 letters>`. The letters follow from the signing secret, so that the database holds none:
whoever reads it cannot call. A new signing secret ends all keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence

from walkwire.ids import new_id
from walkwire.store import Asking, WebhookKey, WebhookStore


class Webhooks:
    """The webhook keys. No call blocks the event loop."""

    def __init__(
        self,
        store: WebhookStore,
        asking: Asking,
        secret: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ask = asking.ask
        self._secret = secret
        self._clock = clock

    async def make(
        self, root_id: str, name: str, walkers: Sequence[str], nodes: Sequence[str], seconds: float
    ) -> WebhookKey:
        """A new key that lives so long. Raises WebhookKeyExists, Busy."""
        now = self._clock()
        key = WebhookKey(new_id(), name, root_id, walkers, nodes, int(now), now + seconds)
        await self._ask(self._store.add_webhook_key, key)
        return key

    async def of(self, root_id: str) -> list[WebhookKey]:
        """A root's keys."""
        return await self._ask(self._store.webhook_keys_of, root_id)

    async def extend(self, root_id: str, id: str, seconds: float) -> bool:
        """Let one of the root's keys live longer; False where it has none such."""
        return await self._ask(self._store.extend_webhook_key, root_id, id, seconds)

    async def delete(self, root_id: str, ids: Sequence[str]) -> bool:
        """Delete keys of the root; False where not all of them are."""
        return await self._ask(self._store.delete_webhook_keys, root_id, ids) == len(set(ids))

    async def identify(self, text: str) -> WebhookKey | None:
        """The key that reads so; None where there is none, or it is over."""
        root_id, _, rest = text.partition(":")
        if len(root_id) != len(new_id()) or not rest:
            return None
        for key in await self._ask(self._store.webhook_keys_of, root_id):
            if hmac.compare_digest(self.text_of(key).encode(), text.encode(errors="replace")):
                return key if key.expires > self._clock() else None
        return None

    def text_of(self, key: WebhookKey) -> str:
        """The key as it is shown."""
        digest = hmac.digest(self._secret, f"webhook key {key.id}".encode(), hashlib.sha256)
        return f"{key.root_id}:{key.made}:{base64.b32encode(digest).decode()[:32]}"
