"""Service: another program, such as a cron job, that may send notifications. It is not a user and runs no walkers.

A service shows an API key: `wk_` and 256 random bits, shown once, when it is made. The store keeps its SHA-256. A revoked key is
refused at once on every server, because each request asks the store.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from typing import NamedTuple

from walkwire.errors import StartError
from walkwire.ids import new_id
from walkwire.store import Asking, ServiceExists, ServiceRecord, ServiceStore

PREFIX = "wk_"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class NewService(NamedTuple):
    """A new key: its record, and its text, which is shown only now."""

    record: ServiceRecord
    text: str


def create_key(store: ServiceStore, name: str) -> NewService:
    """Make and store a key for the service with this name. Raises StartError for a bad name or one in use."""
    if not _NAME.match(name):
        raise StartError(
            "A key's name has 1 to 64 letters, digits and . _ -, and begins with a letter or digit"
        )
    text = PREFIX + secrets.token_urlsafe(32)
    record = ServiceRecord(new_id(), name, digest_of(text), time.time())
    try:
        store.add_service(record)
    except ServiceExists:
        raise StartError(
            f"There is a key {name!r} already: revoke it first, or choose another name"
        ) from None
    return NewService(record, text)


def revoke_key(store: ServiceStore, name: str) -> None:
    """Delete a key. Raises StartError if there is none of this name."""
    if not store.remove_service(name):
        raise StartError(f"There is no key {name!r}")


def digest_of(text: str) -> str:
    """Return what the store keeps of a key. A salt or a slow hash is not needed: 256 random bits cannot be guessed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Services:
    """Identifies services by their keys."""

    def __init__(self, store: ServiceStore, asking: Asking) -> None:
        self._store = store
        self._asking = asking

    async def identify(self, text: str) -> ServiceRecord | None:
        """Return the record of the key with this text; None for an unknown or revoked one. Raises the store's errors."""
        if not text.startswith(PREFIX):
            return None
        return await self._asking.ask(self._store.service_by_digest, digest_of(text))
