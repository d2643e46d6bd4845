"""Which sockets a server gets, and why it does not."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack

import pytest

from walkwire.errors import StartError
from walkwire.server.process.listen import begin, bind, binder
from walkwire.server.socket.window import WIDE

HOST = "127.0.0.1"


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def test_port_0_is_a_free_one_and_nobody_is_let_in_before_it_begins() -> None:
    with ExitStack() as stack:
        (listener,) = map(stack.enter_context, bind(HOST, 0))
        port = port_of(listener)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port))
        begin(listener)
        stack.enter_context(socket.create_connection((HOST, port)))


def test_a_port_in_use_is_named() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = port_of(other)
        with pytest.raises(StartError, match=f"Port {port} of {HOST} is in use"):
            bind(HOST, port)


def test_of_two_that_are_bound_only_one_listens() -> None:
    with ExitStack() as stack:
        (one,) = map(stack.enter_context, bind(HOST, 0))
        (other,) = map(stack.enter_context, bind(HOST, port_of(one)))
        begin(one)
        with pytest.raises(StartError, match="is in use"):
            begin(other)


def test_a_host_without_an_address_is_named() -> None:
    with pytest.raises(StartError, match=r"no address of the name 'nowhere\.invalid'"):
        bind("nowhere.invalid", 0)


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="on other systems workers share their sockets"
)
def test_each_worker_has_a_socket_of_its_own_at_one_port() -> None:
    with ExitStack() as stack:
        make = binder(HOST, 0)
        (one,), (other,) = (list(map(stack.enter_context, make())) for _ in range(2))
        assert port_of(one) == port_of(other)
        begin(one)
        begin(other)
        with pytest.raises(StartError, match="is in use"):
            bind(HOST, port_of(one))


def test_the_kernel_keeps_little_of_what_a_client_sent() -> None:
    with ExitStack() as stack:
        (listener,) = map(stack.enter_context, bind(HOST, 0))
        begin(listener)
        stack.enter_context(socket.create_connection((HOST, port_of(listener))))
        listener.setblocking(True)
        accepted = stack.enter_context(listener.accept()[0])
        doubled = 2 if sys.platform.startswith("linux") else 1  # by the kernel, for its own use
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == doubled * WIDE
