"""Service: a program that may notify those who are connected, a cron job or a web application. No user; it runs no walker.

It shows a key, `wk_` and 256 random bits, told once, when it is made; the store has its SHA-256. A revoked key is refused at
once, on every server: the store is asked each time.
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
    """A key that was made just now: its record, and the only time that its text is seen."""

    record: ServiceRecord
    text: str


def create_key(store: ServiceStore, name: str) -> NewService:
    """Make a key for the service of this name. Raises StartError, for the operator."""
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
    """End a key. Raises StartError, for the operator."""
    if not store.remove_service(name):
        raise StartError(f"There is no key {name!r}")


def digest_of(text: str) -> str:
    """What the store has of a key. It needs no salt and no slow hash: nobody guesses 256 bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Services:
    """Identifies services by their keys."""

    def __init__(self, store: ServiceStore, asking: Asking) -> None:
        self._store = store
        self._asking = asking

    async def identify(self, text: str) -> ServiceRecord | None:
        """The key with this text; None for a wrong or revoked one. Raises what the store does."""
        if not text.startswith(PREFIX):
            return None
        return await self._asking.ask(self._store.service_by_digest, digest_of(text))
