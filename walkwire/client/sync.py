"""Sync: the client for scripts and notebooks. Its loop runs in a thread, so it works where another loop runs already.

    with connect("ws://localhost:8000/websocket") as client:
        print(client.walk("vote", {"choice": "tea"}).reports)
        for message in client.channel("den", rewind=20):
            print(message.data)

It uses the client as any program does, by the names of `walkwire.client`.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec, TypeVar

from walkwire.client import (
    ChannelPresence,
    Client,
    ClientChannel,
    ClientError,
    Inbox,
    StreamMessage,
)
from walkwire.client.channel import PresenceKind
from walkwire.client.emitter import Emitter
from walkwire.client.events import State

P = ParamSpec("P")
T = TypeVar("T")
Inner = TypeVar("Inner")


class _LoopThread:
    """An event loop in a thread that does not keep the process alive."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        is_begun = threading.Event()

        async def live() -> None:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            is_begun.set()
            await self._stopping.wait()

        self._thread = threading.Thread(
            target=lambda: asyncio.run(live()), name="walkwire.client", daemon=True
        )
        self._thread.start()
        is_begun.wait()

    def run(self, work: Callable[[], Awaitable[T]], timeout: float | None) -> T:
        """Run in the loop what `work` returns, and wait for it. Raises TimeoutError."""
        if self.is_stopped():
            raise ClientError("closed", "The client was closed.")
        if threading.current_thread() is self._thread:
            raise RuntimeError("A handler runs in the thread of the loop. It must not wait for the client.")

        async def run() -> T:
            return await work()

        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return future.result(timeout)
        except BaseException:  # a time-out, or Ctrl-C in a notebook
            future.cancel()
            raise

    def is_stopped(self) -> bool:
        """Return whether `stop` was called."""
        return not self._thread.is_alive()

    def stop(self) -> None:
        """End the loop and the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()


class _Sync(Generic[Inner]):
    """Something of the client, and the loop that it belongs to. `timeout`: seconds that a call may take; None: for ever."""

    def __init__(self, inner: Inner, loop: _LoopThread, timeout: float | None = None) -> None:
        self._inner = inner
        self._loop = loop
        self.timeout = timeout


def _waits(
    method: Callable[Concatenate[Inner, P], Awaitable[T]],
) -> Callable[Concatenate[_Sync[Inner], P], T]:
    """Return the method with its signature, as one that waits."""

    def call(self: _Sync[Inner], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._loop.run(lambda: method(self._inner, *args, **kwargs), self.timeout)

    functools.update_wrapper(call, method)
    return call


def _does(method: Callable[Concatenate[Inner, P], T]) -> Callable[Concatenate[_Sync[Inner], P], T]:
    """Return the method with its signature, as one that runs in the loop."""

    def call(self: _Sync[Inner], /, *args: P.args, **kwargs: P.kwargs) -> T:
        async def work() -> T:
            return method(self._inner, *args, **kwargs)

        return self._loop.run(work, self.timeout)

    functools.update_wrapper(call, method)
    return call


class SyncChannel(_Sync[ClientChannel]):
    """As `ClientChannel`. Iterate over it for the notifications since it was made; at most 1,000 of them wait to be read.

    The loop ends, and raises, as that of `ClientChannel.messages`. A loop that was interrupted can be begun again, and goes on.
    Handlers are called in the thread of the loop.
    """

    def __init__(self, inner: ClientChannel, inbox: Inbox, loop: _LoopThread, timeout: float | None) -> None:
        super().__init__(inner, loop, timeout)
        self._inbox = inbox
        self.id = inner.id
        self.on_message = inner.on_message
        self.on_presence = inner.on_presence
        self.on_recovered = inner.on_recovered
        self.on_resync = inner.on_resync

    send = _waits(ClientChannel.send)
    history = _waits(ClientChannel.history)
    members = _waits(ClientChannel.members)
    leave = _does(ClientChannel.leave)

    @property
    def presence(self) -> ChannelPresence:
        """Return who is here, if presence was asked for."""
        return self._inner.presence

    def receive(self, timeout: float | None = None) -> StreamMessage:
        """Return the next notification. Raises TimeoutError after so many seconds, and EOFError if the channel was left."""
        self._loop.run(self._inbox.ready, timeout)
        try:
            return self._inbox.take()
        except StopAsyncIteration:
            raise EOFError("There is nothing more to read.") from None

    def __iter__(self) -> SyncChannel:
        return self

    def __next__(self) -> StreamMessage:
        try:
            return self.receive()
        except EOFError:
            raise StopIteration from None


class SyncClient(_Sync[Client]):
    """As `Client`. `timeout` holds for each call, and for those of channels that are joined later: `client.timeout = 10`.

    Handlers are called in the thread of the loop. Those of `on_joined` and `on_left` get a `SyncChannel`, as from `channel`:
    after `on_joined`, it has the notifications since the client was put into the channel.
    """

    def __init__(self, inner: Client, loop: _LoopThread) -> None:
        super().__init__(inner, loop)
        self.on_joined: Emitter[SyncChannel] = Emitter()
        self.on_left: Emitter[SyncChannel] = Emitter()
        inner.on_joined(lambda channel: self.on_joined.tell(self._sync_of(channel)))
        inner.on_left(lambda channel: self.on_left.tell(self._sync_of(channel)))
        self.on_state = inner.on_state
        self.on_user = inner.on_user
        self.on_client = inner.on_client
        self.on_recovered = inner.on_recovered
        self.on_resync = inner.on_resync

    connected = _waits(Client.connected)
    walk = _waits(Client.walk)
    history = _waits(Client.history)
    send_to_channels = _waits(Client.send_to_channels)
    send_to_users = _waits(Client.send_to_users)
    send_to_clients = _waits(Client.send_to_clients)
    change_user = _waits(Client.change_user)
    wake = _does(Client.wake)

    def __enter__(self) -> SyncClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def client_id(self) -> str | None:
        """Return the id, as `Client.client_id`."""
        return self._inner.client_id

    @property
    def root_id(self) -> str | None:
        """Return the user's root, as `Client.root_id`."""
        return self._inner.root_id

    @property
    def state(self) -> State:
        """Return the state, as `Client.state`."""
        return self._inner.state

    @property
    def error(self) -> ClientError | None:
        """Return the error, as `Client.error`."""
        return self._inner.error

    def channel(
        self,
        id: str,
        *,
        rewind: int | None = None,
        presence: PresenceKind | None = None,
        token: str | None = None,
    ) -> SyncChannel:
        """Join a channel, as `Client.channel`. Each call returns a new object, with notifications of its own to read."""

        async def join() -> SyncChannel:
            return self._sync_of(self._inner.channel(id, rewind=rewind, presence=presence, token=token))

        return self._loop.run(join, self.timeout)

    def _sync_of(self, channel: ClientChannel) -> SyncChannel:
        """Return a channel for the caller's thread. Must run in that of the loop."""
        return SyncChannel(channel, channel.messages(), self._loop, self.timeout)

    def close(self) -> None:
        """Close for good, and wait until the connection is closed. What was not answered fails with `closed`."""

        async def close() -> None:
            self._inner.close()
            await self._inner.wait_closed()

        if not self._loop.is_stopped():
            self._loop.run(close, None)
            self._loop.stop()


def _starting(make: Callable[P, Client]) -> Callable[P, SyncClient]:
    def connect(*args: P.args, **kwargs: P.kwargs) -> SyncClient:
        async def begin() -> Client:
            return make(*args, **kwargs)

        loop = _LoopThread()
        try:
            return SyncClient(loop.run(begin, None), loop)
        except BaseException:
            loop.stop()
            raise

    return connect


connect = _starting(Client)
