"""Webhook: keys by which another service runs a user's walkers. A key may be limited to walkers and to node classes.

The text of a key is `<root id>:<Unix second>:<32 letters>`. The letters are derived from the signing secret and not stored, so a
reader of the database cannot call. A new signing secret invalidates all keys.
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
    """Make, list, extend, delete and verify webhook keys. `clock` returns Unix seconds."""

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
        """Make and store a key.

        - walkers, nodes: names of the walkers it may run, and of the node classes at which they may enter; empty: all
        - seconds: its lifetime

        Raises WebhookKeyExists if the root has a key of this name, and Busy.
        """
        now = self._clock()
        key = WebhookKey(new_id(), name, root_id, walkers, nodes, int(now), now + seconds)
        await self._ask(self._store.add_webhook_key, key)
        return key

    async def of(self, root_id: str) -> list[WebhookKey]:
        """Return the keys of a root."""
        return await self._ask(self._store.webhook_keys_of, root_id)

    async def extend(self, root_id: str, id: str, seconds: float) -> bool:
        """Add `seconds` to the lifetime of one of the root's keys. Returns False if the root has no such key."""
        return await self._ask(self._store.extend_webhook_key, root_id, id, seconds)

    async def delete(self, root_id: str, ids: Sequence[str]) -> bool:
        """Delete keys of a root. Returns False unless all of them were deleted."""
        return await self._ask(self._store.delete_webhook_keys, root_id, ids) == len(set(ids))

    async def identify(self, text: str) -> WebhookKey | None:
        """Return the key with this text; None if there is none or it has expired."""
        root_id, _, rest = text.partition(":")
        if len(root_id) != len(new_id()) or not rest:
            return None
        for key in await self._ask(self._store.webhook_keys_of, root_id):
            if hmac.compare_digest(self.text_of(key).encode(), text.encode(errors="replace")):
                return key if key.expires > self._clock() else None
        return None

    def text_of(self, key: WebhookKey) -> str:
        """Return the text of a key, to show to its owner."""
        digest = hmac.digest(self._secret, f"webhook key {key.id}".encode(), hashlib.sha256)
        return f"{key.root_id}:{key.made}:{base64.b32encode(digest).decode()[:32]}"
