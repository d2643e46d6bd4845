"""Listen: bind a server's sockets, and say why they cannot be bound."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from walkwire.errors import StartError
from walkwire.server.socket.window import WIDE

BACKLOG = 2048


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets bound to every address of `host`. Port 0 takes a free port. Raises StartError.

    They do not listen yet: call `begin` when the server is ready. Until then it refuses connections, and load balancers try
    another server.
    """
    return _bind(host, port, is_shared=False)


def binder(host: str, port: int) -> Callable[[], list[socket.socket]]:
    """Return a function that binds sockets for one of several processes on the same port. Both raise StartError.

    On Linux each process has sockets of its own, and the kernel distributes connections among those that listen. On other systems
    all processes share the same sockets.
    """
    first = bind(host, port)
    if not sys.platform.startswith("linux"):
        return lambda: first
    port = first[0].getsockname()[1]  # now known to be free
    for listener in first:
        listener.close()
    return partial(_bind, host, port, is_shared=True)


def begin(listener: socket.socket) -> None:
    """Listen at a bound socket. Raises StartError: two processes may bind a port, but only one may listen."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:
        host, port = listener.getsockname()[:2]
        raise StartError(_why_not(host, port, error)) from None


def _bind(host: str, port: int, is_shared: bool) -> list[socket.socket]:
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
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WIDE)  # its connections inherit it
        listener.bind(address)
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
