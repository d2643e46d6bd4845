"""Webhook keys: credentials by which another service starts walks of a user.

Guarantees: the secret part of a key is never stored; names are unique for each root; a changed password deletes all keys of the
user, whatever is under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError


class WebhookKey(NamedTuple):
    """A webhook key of a root.

    - `walkers`: the walkers that it may start; `nodes`: the classes of nodes where they may enter, `root` for a root. Empty: all.
    - `made`, `expires`: Unix seconds.
    """

    id: str
    name: str
    root_id: str
    walkers: Sequence[str]
    nodes: Sequence[str]
    made: int
    expires: float


LATEST = 253_402_300_799.0  # Unix second at which the last key expires: the end of the year 9999


class WebhookKeyExists(WalkwireError):
    """This root has a key of this name already."""


class TooManyWebhookKeys(WalkwireError):
    """This root has as many keys as it may have."""


class WebhookStore(Protocol):
    """A store of webhook keys."""

    def add_webhook_key(self, key: WebhookKey, token_generation: int, bound: int) -> bool:
        """Store a key. Returns False unless its root is that of an active user with this token generation.

        Raises WebhookKeyExists, and TooManyWebhookKeys if the root has `bound` keys already.
        """

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        """Return a root's keys, in the order in which they were created."""

    def webhook_keys_made(self, root_id: str, made: int) -> list[WebhookKey]:
        """Return the keys that an active user with this root made in one second."""

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        """Move the expiry of a key by `seconds`, at most to `LATEST`. Returns False if the root has no such key."""

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        """Delete those of the keys that belong to the root. Returns how many were deleted."""
