"""Ticket: which one-time tickets were used.

Guarantee: of all calls with one id, on all servers, exactly one is told that it was the first.
"""

from __future__ import annotations

from typing import Protocol


class TicketStore(Protocol):
    """A store of used tickets."""

    def use_ticket(self, id: str, expires: float) -> bool:
        """Record that a ticket was used. Returns False if it was used before.

        - id: at most 32 characters
        - expires: Unix seconds, until which the record is needed
        """

    def forget_tickets(self, before: float) -> None:
        """Delete the records that expired before this Unix second."""
