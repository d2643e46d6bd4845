"""Webhook: keys by which another service runs a user's walkers. A key may be limited to walkers and to node classes.

The text of a key is `<root id>:<Unix second>:<32 letters>`, shown once, when it is made. The letters are derived from the
signing secret and not stored, so a reader of the database cannot call. A new signing secret invalidates all keys. A changed
password deletes the user's keys, in the same transaction. Keys of a deactivated user are refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Sequence

from walkwire.account.auth import Caller
from walkwire.errors import Limited
from walkwire.ids import new_id
from walkwire.store import LATEST, Asking, TooManyWebhookKeys, WebhookKey, WebhookStore

BOUND = 100  # keys of one user
LETTERS = 32

_TEXT = re.compile(r"([0-9a-f]{24}):([0-9]{1,12}):[A-Z2-7]{32}\Z", re.ASCII)


class Webhooks:
    """Make, list, extend, delete and verify webhook keys.

    - clock: returns Unix seconds
    - bound: how many keys a user may have
    """

    def __init__(
        self,
        store: WebhookStore,
        asking: Asking,
        secret: bytes,
        clock: Callable[[], float] = time.time,
        *,
        bound: int = BOUND,
    ) -> None:
        self._bound = bound
        self._store = store
        self._ask = asking.ask
        self._secret = secret
        self._clock = clock

    async def make(
        self, owner: Caller, name: str, walkers: Sequence[str], nodes: Sequence[str], seconds: float
    ) -> WebhookKey | None:
        """Make and store a key; return None if the owner's token has been revoked meanwhile.

        - walkers, nodes: names of the walkers it may run, and of the node classes at which they may enter; empty: all
        - seconds: its lifetime

        Raises WebhookKeyExists if the root has a key of this name, Limited if it has too many, and Busy.
        """
        now = self._clock()
        expires = min(now + seconds, LATEST)
        key = WebhookKey(new_id(), name, owner.root_id, walkers, nodes, int(now), expires)
        try:
            is_made = await self._ask(self._store.add_webhook_key, key, owner.token_generation, self._bound)
        except TooManyWebhookKeys:
            raise Limited(f"A user may have {self._bound} webhook keys: delete one first!") from None
        return key if is_made else None

    async def of(self, root_id: str) -> list[WebhookKey]:
        """Return the keys of a root."""
        return await self._ask(self._store.webhook_keys_of, root_id)

    async def extend(self, root_id: str, id: str, seconds: float) -> bool:
        """Add `seconds` to the lifetime of one of the root's keys, which ends with the year 9999 at the latest.

        Returns False if the root has no such key.
        """
        return await self._ask(self._store.extend_webhook_key, root_id, id, seconds)

    async def delete(self, root_id: str, ids: Sequence[str]) -> bool:
        """Delete keys of a root. Returns False unless all of them were deleted."""
        return await self._ask(self._store.delete_webhook_keys, root_id, ids) == len(set(ids))

    async def identify(self, text: str) -> WebhookKey | None:
        """Return the key with this text; None if there is none, it has expired, or its user is not active."""
        found = _TEXT.match(text)
        if found is None:
            return None
        for key in await self._ask(self._store.webhook_keys_made, found[1], int(found[2])):
            if hmac.compare_digest(self.text_of(key), text):
                return key if key.expires > self._clock() else None
        return None

    def text_of(self, key: WebhookKey) -> str:
        """Return the text of a key, to show to its owner once."""
        digest = hmac.digest(self._secret, f"webhook key {key.id}".encode(), hashlib.sha256)
        return f"{key.root_id}:{key.made}:{base64.b32encode(digest).decode()[:LETTERS]}"

    def masked(self, key: WebhookKey) -> str:
        """Return the text of a key with only its last four letters, by which its owner knows it again."""
        text = self.text_of(key)
        return f"{text[:-LETTERS]}{'*' * (LETTERS - 4)}{text[-4:]}"
