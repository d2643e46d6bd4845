"""Sessions: what a log-in began, and what a log-out ended; and which one-time tickets were used.

A session that is renewed by refresh tokens has a record as long as it lasts. Any other has one only after it was ended, until the
last of its tokens has expired.

Guarantees: no refresh token is stored, only its SHA-256; each refresh token is replaced at most once; whatever raises the token
generation of a user deletes the user's sessions in the same transaction; no session begins in a generation that is over; of all
calls that use one ticket, on all servers, exactly one is told that it was the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from walkwire.errors import WalkwireError
from walkwire.store.user import UserRecord


class SessionRecord(NamedTuple):
    """A session. All times are Unix seconds.

    - `token_generation`: the user's, when it began.
    - `digest`: the SHA-256 of the refresh token that counts, in hex; None: the session has ended.
    - `previous`: the same of the refresh token before it; None: there was none.
    - `sealed`: the secret part of the refresh token that counts, encrypted by the token before it, in hex.
    - `renewed`: when its tokens were last replaced.
    - `token_expires`: when the last of its access tokens expires.
    - `expires`: when the record may be removed: it cannot be refreshed any more, and its access tokens have expired.
    """

    id: str
    root_id: str
    token_generation: int
    digest: str | None
    previous: str | None
    sealed: str | None
    renewed: float
    token_expires: int
    expires: int


class TokenState(NamedTuple):
    """Which tokens of a user are valid: those of this generation whose session is not among the `ended` ones."""

    token_generation: int
    ended: frozenset[str] = frozenset()


class TooManySessions(WalkwireError):
    """So many sessions of this root have been ended that no other can be ended to make room for a new one."""


class SessionStore(Protocol):
    """A store of sessions."""

    def token_states(self, root_ids: Sequence[str]) -> dict[str, TokenState]:
        """Return which tokens are valid, for each active user with one of these roots. Others are left out."""

    def add_session(self, session: SessionRecord, bound: int, ended_bound: int) -> list[str] | None:
        """Store a session. Return the ids of the sessions that were ended for it, those that were renewed the longest ago.

        - `bound`: how many sessions of one root may last; those that have expired are not counted.
        - `ended_bound`: how many records of ended sessions one root may have.

        Returns None unless the root is that of an active user with this token generation. Raises TooManySessions.
        """

    def session(self, session_id: str) -> tuple[SessionRecord, UserRecord] | None:
        """Return a session with its user, or None."""

    def renew_session(self, session: SessionRecord) -> bool:
        """Replace the record of a session, if the refresh token that counts is still `session.previous`. Else return False."""

    def end_session(
        self, root_id: str, session_id: str, token_expires: int, now: float, ended_bound: int
    ) -> int | None:
        """End a session, whether or not there is a record of it. A session that has ended already is left as it is.

        If the root has `ended_bound` records of ended sessions that have not expired at `now`, raise the token generation of the
        user instead, and return it. Otherwise return None.

        - `token_expires`: the Unix second when the token that is shown expires, if there is no record.
        """

    def revoke_tokens(self, root_id: str, token_generation: int) -> bool:
        """Raise the token generation of a user, if it is this one, and delete the user's sessions. Else return False."""

    def remove_expired_sessions(self, now: float, limit: int) -> int:
        """Delete at most `limit` records that have expired before `now`. Returns how many were deleted."""


class TicketStore(Protocol):
    """A store of used tickets."""

    def use_ticket(self, id: str, expires: float) -> bool:
        """Record that a ticket was used. Returns False if it was used before.

        - id: at most 32 characters
        - expires: Unix seconds, until which the record is needed
        """

    def forget_tickets(self, before: float) -> None:
        """Delete the records that expired before this Unix second."""
