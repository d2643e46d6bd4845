"""Window: how much of a connection's input the kernel keeps until it is read. What is there is handled even after its sender has
gone, and is read at once: so it is also what a connection that waits for its turn holds in memory.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

# Bytes. Linux takes twice as much for its own, and 1.7 times as much of it may be data.
# WIDE: the window of all connections, inherited from the listener; a client may use it before it is accepted.
# NARROW: of one that waits in a crowd.
WIDE = 64 * 1024
NARROW = 16 * 1024


def use_window(transport: asyncio.BaseTransport, *, is_narrow: bool) -> None:
    """Set the window of a connection. The kernel takes back nothing that it has allowed the peer to send already."""
    own = transport.get_extra_info("socket")
    if own is not None:  # a transport without a socket has no window
        # If it was disconnected meanwhile, uvloop's socket has no file descriptor: ValueError.
        with suppress(OSError, ValueError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW if is_narrow else WIDE)
