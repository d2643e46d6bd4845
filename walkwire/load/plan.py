"""Plan: how much is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from walkwire.errors import StartError


@dataclass(frozen=True, slots=True)
class Plan:
    """`connections` over `channels`, in turn; `rate` messages a second in all, for `seconds`, of `size` bytes or a little more.

    After the last message `patience` seconds may pass without a delivery. Raises StartError for what makes no sense.
    """

    connections: int
    channels: int
    rate: float
    seconds: float
    size: int = 100
    patience: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= self.connections:
            raise StartError(
                f"Each channel needs a connection: {self.channels} channels, {self.connections} connections"
            )
        if self.rate <= 0 or self.seconds <= 0:
            raise StartError("The rate and the seconds have to be more than 0")

    @property
    def messages(self) -> int:
        """How many there will be."""
        return max(1, round(self.rate * self.seconds))

    def members(self, channel: int) -> int:
        """How many connections are in a channel, of those numbered from 0."""
        return len(range(channel, self.connections, self.channels))
