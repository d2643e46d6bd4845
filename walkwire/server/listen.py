"""Listen: the sockets at which a server is reached, and why they cannot be had."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack
from typing import Any

from walkwire.errors import StartError

BACKLOG = 2048


def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of `host`; port 0 takes a free one. Raises StartError."""
    return _listen(host, port, is_shared=False)


def listen_each(host: str, port: int, count: int) -> list[list[socket.socket]]:
    """As `listen`, for so many processes: each has sockets of its own, and the system shares out the connections between them.

    Where it does not (other systems than Linux), all have the same. Raises StartError.
    """
    first = listen(host, port)
    if not sys.platform.startswith("linux"):
        return [first] * count
    port = first[0].getsockname()[1]  # nobody else has it: that was found out
    for listener in first:
        listener.close()
    with ExitStack() as undo:
        each = []
        for _ in range(count):
            each.append(_listen(host, port, is_shared=True))
            for listener in each[-1]:
                undo.callback(listener.close)
        undo.pop_all()
    return each


def _listen(host: str, port: int, is_shared: bool) -> list[socket.socket]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(f"There is no address of the name {host!r}: {error.strerror}") from None
    listeners: list[socket.socket] = []
    for family, kind, _, _, address in dict.fromkeys(found):
        try:
            listeners.append(_listener(family, kind, (address[0], port, *address[2:]), is_shared))
        except OSError as error:
            for listener in listeners:
                listener.close()
            raise StartError(_why_not(host, port, error)) from None
        port = listeners[0].getsockname()[1]
    return listeners


def _listener(family: int, kind: int, address: Any, is_shared: bool) -> socket.socket:
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)  # at once: with SO_REUSEADDR two could be bound, but only one can listen
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _why_not(host: str, port: int, error: OSError) -> str:
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"Port {port} of {host} is in use. Stop what uses it, or choose another with --port"
        case PermissionError():
            return f"Port {port} of {host} is not allowed to you: those below 1024 are the system's"
    return f"Port {port} of {host} cannot be opened: {error.strerror}"
