"""Keyed call: a call that carries a key is done once. Its answer is written by the walk's own commit, and kept for repeats.

Guarantees, for all servers on one database:

- Of all commits with one key of one root, one succeeds, until its record expires or is removed. Others are refused with KeyTaken.
- A record is written if and only if the changes of its commit are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError


class KeyedCall(NamedTuple):
    """A call with a key.

    - `root_id`, `key`: whose call it is, and a digest of what the client sent as its key; at most 64 characters
    - `call`: a random id of this call, the same for all commits of its walk; at most 32 characters
    - `digest`: digest of the request, 64 hex digits
    - `status`: HTTP status of the answer; 0: the walk has committed a part, and its end is not stored
    - `body`: the answer; None: it was not kept
    - `is_response`: whether the body stands for a whole response that the program made
    - `made`, `expires`: Unix seconds, by the clock of the server
    """

    root_id: str
    key: str
    call: str
    digest: str
    status: int
    body: str | None
    is_response: bool
    made: float
    expires: float


class KeyTaken(WalkwireError):
    """Another call with the same key of the same root is committed. Nothing was written."""


class KeyHeld(WalkwireError):
    """A call with this key is under way on another server."""


class KeyedCallStore(Protocol):
    """A store of keyed calls. `GraphStore.commit` writes them.

    A taken key is only a hint, which spares other servers a walk that could not be committed. Correctness does not depend on it.
    """

    def take_key(self, root_id: str, key: str, now: float) -> KeyedCall | None:
        """Return the record of a key, unless it expired before `now`. If there is none, take the key: `free_keys` frees it.

        A key is freed if this process ends. The caller ensures that no other call of this process has it. Raises KeyHeld if
        another server has it, as far as the store can know.
        """

    def free_keys(self, keys: Sequence[tuple[str, str]]) -> None:
        """Free keys, given as pairs of root id and key, each once for each time that it was taken."""

    def forget_calls(self, before: float, limit: int) -> int:
        """Delete at most `limit` records that expired before this Unix second. Returns how many there were."""

    def trim_calls(self, root_id: str, most: int, size: int) -> int:
        """Delete the oldest records of a root beyond `most`, or whose bodies have more than `size` characters together with those
        of newer ones. Returns how many there were.
        """
