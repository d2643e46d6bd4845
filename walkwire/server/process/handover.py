"""Handover: pass accepted connections to another process, over a pair of Unix sockets."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Sequence

SECONDS = 1.0  # how long to wait for a busy process

_BYTE = b"."  # a descriptor needs at least one byte of data with it


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a channel. Neither blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept and yield all connections that wait at a non-blocking listener."""
    while True:
        try:
            connection, _ = listener.accept()
        except ConnectionAbortedError:  # the peer has closed it meanwhile
            continue
        except OSError:  # none is left, or this process is out of descriptors
            return
        connection.setblocking(False)
        yield connection


def send(channels: Sequence[socket.socket], connection: socket.socket) -> bool:
    """Send a connection into the first channel that accepts it, and close it here. Returns False if no channel accepts it."""
    with connection:
        for _ in range(2):
            for channel in channels:
                try:
                    socket.send_fds(channel, [_BYTE], [connection.fileno()])
                except OSError:  # full, or its process has died
                    continue
                return True
            select.select([], channels, [], SECONDS)
    return False


def received(channel: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that have arrived. Raises EOFError if the sender has closed the channel."""
    while True:
        try:
            byte, files, _, _ = socket.recv_fds(channel, 1, 1)
        except OSError:  # nothing more
            return
        if not byte:
            raise EOFError
        for file in files:
            connection = socket.socket(fileno=file)
            connection.setblocking(False)
            yield connection
