"""Outbox: holds a walk's notifications until its commit, and sends each of them once, however often the walk is retried."""

from __future__ import annotations

from collections.abc import Callable

from walkwire.walk.audience import Addressees

Notify = Callable[[Addressees, bytes], None]


class WalkOutbox:
    """The notifications of one walk, over all of its attempts. `notify` sends one; it is called in the thread of the walk.

    - With uncommitted changes, notifications wait for the commit, in their order.
    - Without, a notification is sent at once, if everything read so far is consistent.
    - A retry does not send again what an earlier attempt sent: its nth notification with the same addressees and bytes counts
      as the nth of the earlier attempt.

    What was sent is remembered only while the walk `may_retry`: a walk may send notifications without end.
    """

    def __init__(self, notify: Notify, may_retry: bool = True) -> None:
        self._notify = notify
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
    ) -> None:
        """Send a notification, or hold it until `release`.

        - now: send it in any case, without a check
        - is_dirty: whether the walk has uncommitted changes; called only if the answer matters
        - check: raises if what the walk has read is inconsistent; called before sending without `now`
        """
        if not now:
            if self._held or is_dirty():
                self._held.append((addressees, data))
                return
            check()
        self._send(addressees, data)

    def release(self) -> None:
        """Send what was held. Call it after the commit."""
        for addressees, data in self._held:
            self._send(addressees, data)
        self._held.clear()

    def _send(self, addressees: Addressees, data: bytes) -> None:
        key = (addressees, data)
        if self._sent_before.get(key):
            self._sent_before[key] -= 1
            return
        if self._may_retry:
            self._sent[key] = self._sent.get(key, 0) + 1
        self._notify(addressees, data)
