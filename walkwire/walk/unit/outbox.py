"""Outbox: holds a walk's notifications until its commit, and sends each of them once, however often the walk is retried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from walkwire.store import Changes, NodeRecord, Reads, StreamEntry
from walkwire.walk.access import encode_changes
from walkwire.walk.audience import Addressees

CHANGES_AT_ONCE = 1000  # nodes in one message about changed rights

Notify = Callable[[Addressees, bytes], None]
EntriesOf = Callable[[Addressees, bytes], Sequence[StreamEntry]]
Commit = Callable[[Reads, Changes, Callable[[], None]], None]


class WalkOutbox:
    """The notifications of one walk, over all of its attempts. `notify` sends one; it is called in the thread of the walk.

    - With uncommitted changes, notifications wait for the commit, in their order. What is kept of them in durable streams is
      written by the commit itself (`entries`).
    - Without, a notification is sent at once, if everything read so far is consistent. What is kept of it is written before, by
      itself.
    - A retry does not send again what an earlier attempt sent: its nth notification with the same addressees and bytes counts
      as the nth of the earlier attempt.

    What was sent is remembered only while the walk `may_retry`: a walk may send notifications without end. `entries_of` returns
    what is kept of a notification in durable streams.
    """

    def __init__(
        self, notify: Notify, may_retry: bool = True, entries_of: EntriesOf = lambda addressees, data: ()
    ) -> None:
        self._notify = notify
        self._entries_of = entries_of
        self._may_retry = may_retry
        self._held: list[tuple[Addressees, bytes]] = []
        self._sent: dict[tuple[Addressees, bytes], int] = {}
        self._sent_before: dict[
            tuple[Addressees, bytes], int
        ] = {}  # by earlier attempts, and not yet by this one

    def begin(self) -> None:
        """Begin another attempt: drop what is held, and skip what earlier attempts sent."""
        self._held.clear()
        self._sent_before = self._sent.copy()

    def end_retries(self) -> None:
        """Take the current attempt for the last, and forget what was sent."""
        self._may_retry = False
        self._sent.clear()

    def put(
        self,
        addressees: Addressees,
        data: bytes,
        now: bool,
        is_dirty: Callable[[], bool],
        check: Callable[[], None],
        commit: Commit | None = None,
    ) -> None:
        """Send a notification, or hold it until `release`.

        - now: send it in any case, without a check
        - is_dirty: whether the walk has uncommitted changes; called only if the answer matters
        - check: raises if what the walk has read is inconsistent; called before sending without `now`
        - commit: writes entries of what is sent at once; needed if there may be any. Raises Busy, CommitInDoubt

        Raises Limited for what is too large for a durable stream.
        """
        entries = self._entries_of(addressees, data)
        is_held = not now and (bool(self._held) or is_dirty())
        if not now and not is_held:
            check()
        key = (addressees, data)
        if self._sent_before.get(key):
            self._sent_before[key] -= 1
        elif is_held:
            self._held.append((_with(addressees, entries), data))
        else:
            if entries and commit is not None:
                then = partial(self._notify, _with(addressees, entries), data)
                commit(Reads(), Changes(entries=list(entries)), then)
            else:
                self._notify(addressees, data)
            if self._may_retry:
                self._sent[key] = self._sent.get(key, 0) + 1

    def entries(self) -> list[StreamEntry]:
        """Return what the commit has to write of what is held."""
        return [entry for addressees, _ in self._held for entry in addressees.entries]

    def release(self) -> None:
        """Send what was held. Call it after the commit."""
        for addressees, data in self._held:
            self._notify(addressees, data)
        self._held.clear()


def with_entries(changes: Changes, outbox: WalkOutbox | None) -> Changes:
    """Return the changes of a commit, with what it has to write of notifications."""
    if outbox is not None:
        changes.entries = outbox.entries()
    return changes


def tell_rights(notify: Notify, nodes: Sequence[NodeRecord | str]) -> None:
    """Tell that the rights on nodes changed: records before the commit, or ids of deleted ones."""
    for start in range(0, len(nodes), CHANGES_AT_ONCE):
        notify(Addressees("rights", ()), encode_changes(nodes[start : start + CHANGES_AT_ONCE]))


def _with(addressees: Addressees, entries: Sequence[StreamEntry]) -> Addressees:
    return addressees._replace(entries=tuple(entries)) if entries else addressees
