"""Handover: connections that one process has accepted and another serves, sent over a pair of Unix sockets."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Sequence

SECONDS = 1.0  # for a process that is too busy to take one

_BYTE = b"."  # a file cannot travel alone


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a channel. Neither blocks."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept what waits at a listener that does not block, until there is nothing more."""
    while True:
        try:
            connection, _ = listener.accept()
        except ConnectionAbortedError:  # the peer has gone meanwhile
            continue
        except OSError:  # nothing more, or no file is left for it
            return
        connection.setblocking(False)
        yield connection


def send(channels: Sequence[socket.socket], connection: socket.socket) -> bool:
    """Send a connection into the first of the channels that takes it, and close it here. Returns whether one took it."""
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
    """Take what has arrived. Raises EOFError where nothing will come any more."""
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
