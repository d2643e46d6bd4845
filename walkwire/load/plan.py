"""Plan: the parameters of a load."""

from __future__ import annotations

from dataclasses import dataclass

from walkwire.errors import StartError


@dataclass(frozen=True, slots=True)
class Plan:
    """The parameters of a load. Raises StartError for values that make no sense.

    - connections: number of connections, distributed over the channels in turn
    - channels: number of channels
    - rate: messages a second in all channels together
    - seconds: duration
    - size: bytes of a message; it may be a little more
    - patience: seconds without a delivery after the last message, before the load ends
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
        """Return the number of messages in all."""
        return max(1, round(self.rate * self.seconds))

    def members(self, channel: int) -> int:
        """Return the number of connections in a channel. Channels are numbered from 0."""
        return len(range(channel, self.connections, self.channels))
