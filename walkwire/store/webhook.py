"""Webhook keys: what another service shows to walk as a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError


class WebhookKey(NamedTuple):
    """A webhook key of a root: for these walkers and entries (class names, `root` among them; empty: all), from `made` until
    `expires`, Unix seconds. The key's secret part is not stored."""

    id: str
    name: str
    root_id: str
    walkers: Sequence[str]
    nodes: Sequence[str]
    made: int
    expires: float


class WebhookKeyExists(WalkwireError):
    """That root has a key of that name already."""


class WebhookStore(Protocol):
    """Webhook keys."""

    def add_webhook_key(self, key: WebhookKey) -> None:
        """Store a key. Raises WebhookKeyExists."""

    def webhook_keys_of(self, root_id: str) -> list[WebhookKey]:
        """A root's keys, in the order in which they were made."""

    def extend_webhook_key(self, root_id: str, id: str, seconds: float) -> bool:
        """Let a key live longer; False where the root has none such."""

    def delete_webhook_keys(self, root_id: str, ids: Sequence[str]) -> int:
        """Delete those that are the root's; gives their number."""
