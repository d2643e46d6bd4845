"""Dialer: opens one connection after the other, as the user of the token, until the client is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Protocol

from walkwire.client.clock import ClientClock
from walkwire.client.closing import BackOff, Ending, ending_of
from walkwire.client.error import ClientError, error_of
from walkwire.client.events import State
from walkwire.client.link import ClientLink, Frame
from walkwire.client.outbox import encode
from walkwire.client.transport import PROTOCOL, ClientTransport, TransportListener

# A token, or a function that gets one for each connection. None is the public user. The argument of the function: is a newer
# token needed than the last one? The server has refused that, or it is about to expire.
TokenFunction = Callable[[bool], str | Awaitable[str | None] | None]
Token = str | TokenFunction | None

_RENEW_BEFORE = 60  # seconds before a token expires
_TOKEN_TIME = 10_000
_LATER = Ending()
_PASSING = {
    "busy",
    "conflict",
    "internal",
    "timeout",
    "in_doubt",
}  # another `connect` may not have these errors


class DialerListener(Protocol):
    """What the dialer tells the conversation, and asks it."""

    def introduction(self) -> Mapping[str, Any]:
        """Return what `connect` says beside the token."""

    def welcome(self, welcome: Frame, is_same_stay: bool) -> None:
        """`connect` or `change_user` has succeeded. `is_same_stay`: on this connection there was a welcome before."""

    def opened(self, link: ClientLink) -> None:
        """The connection may be used."""

    def heard(self, frame: Frame) -> None:
        """A frame has arrived that is no reply."""

    def dropped(self) -> None:
        """The connection is gone."""

    def changing(self, info: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Another user is asked for. Return what `change_user` says beside the token."""

    def unchanged(self) -> None:
        """The other user was refused."""

    def renewing(self) -> Mapping[str, Any]:
        """A newer token of the same user is shown. Return what `change_user` says beside it."""

    def closed(self, error: ClientError) -> None:
        """The client is closed for good."""

    def changed(self, state: State, error: ClientError | None) -> None:
        """The state is another. `error`: why the client is closed, or waits, if anybody said so."""


class Dialer:
    """The connections of one client. `open` makes a transport; nothing happens before `dial`."""

    def __init__(
        self,
        open: Callable[[TransportListener], ClientTransport],
        clock: ClientClock,
        token: Token,
        listener: DialerListener,
    ) -> None:
        self.state: State = "connecting"
        self.error: ClientError | None = None
        self._open = open
        self._clock = clock
        self._back_off = BackOff(clock)
        self.token: Token = token  # for the next connection
        self._listener = listener
        self._shown: str | None = None  # the token that the next `connect` shows
        self._is_token_old = False
        self._is_second = False  # was a token refused on this connection already?
        self._link: ClientLink | None = None
        self._connected_at: float | None = None
        self._not_before = 0.0
        self._cancel_wait: Callable[[], object] = lambda: None
        self._attempt: asyncio.Task[None] | None = None  # asks for a token, for this connection
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: list[asyncio.Future[None]] = []

    async def connected(self) -> None:
        """Return when the client is connected. Raises ClientError if it is closed, or will be before."""
        if self.state != "connected":
            await self._welcomed()

    def dial(self) -> None:
        """Open a connection now."""
        self._cancel_wait()
        self._hang_up()
        self._become("connecting")
        self._attempt = self._spawn(self._dial())

    def wake(self) -> None:
        """Find out whether the connection is alive, or stop waiting and connect, but not before the server allows it."""
        if self.state != "waiting":
            if self._link:
                self._link.wake()
        elif (left := self._not_before - self._clock.now()) > 0:
            self._dial_in(left)
        else:
            self.dial()

    async def change_user(self, token: Token, info: Mapping[str, Any] | None) -> None:
        """Go on as another user: on this connection if there is one. Raises ClientError, and then nothing has changed."""
        link = self._link if self.state == "connected" else None
        shown = await self._ask(token, True) if link else None
        if link and link is self._link:
            return await self._change(link, token, shown, self._listener.changing(info))
        changed = self._welcomed()
        self._listener.changing(info)
        self.token = token
        self._is_token_old = True
        if self.state == "connecting":
            self.dial()
        await changed

    def renew(self) -> None:
        """The token is about to expire: replace it, if there is a function for it."""
        if callable(self.token):
            self._spawn(self._renew(self.token))

    def close(self, error: ClientError) -> None:
        """Close for good."""
        if self.state == "closed":
            return
        self._cancel_wait()
        self._hang_up()
        self._listener.closed(error)
        self._become("closed", error)
        for task in self._tasks:
            task.cancel()
        for future in self._unsettled():
            future.set_exception(error.copy())

    def opened(self, protocol: str | None) -> None:
        """The link is open."""
        if protocol == PROTOCOL:
            self._connect()
        else:
            self.close(ClientError("protocol", "The server does not speak version 2 of the wire."))

    def heard(self, frame: Frame) -> None:
        """The link has received a frame that is no reply."""
        self._listener.heard(frame)

    def ended(self, code: int, reason: str) -> None:
        """The link has ended."""
        ending = ending_of(code, reason)
        is_token_old = (
            ending.error is not None and ending.error.code == "unauthenticated" and callable(self.token)
        )
        if ending.error and not is_token_old:
            return self.close(ending.error)
        self._is_token_old = self._is_token_old or is_token_old
        self._retry(ending, ending.error)

    async def _dial(self) -> None:
        try:
            self._shown = await self._ask(self.token, self._is_token_old)
        except ClientError as error:
            return self._retry(_LATER, error)
        self._is_second = False
        self._link = ClientLink(self._open, self._clock, self)

    def _connect(self) -> None:
        assert self._link
        event = {"type": "connect", **self._credentials(self._shown), **self._listener.introduction()}
        self._link.ask(encode(event), self._answered)

    def _answered(self, reply: Frame) -> None:
        if reply["ok"]:
            return self._connected(reply["data"])
        error = error_of(reply)
        if error.retry_in is not None or error.code in _PASSING:
            self._retry(_LATER._replace(floor=error.retry_in or 0), error)
        elif error.code != "unauthenticated" or self._is_second or not callable(self.token):
            self.close(error)
        else:
            self._attempt = self._spawn(self._connect_again(self.token))

    async def _connect_again(self, token: Token) -> None:
        assert self._link
        self._is_second = True
        self._link.extend()
        try:
            self._shown = await self._ask(token, True)
        except ClientError as error:
            return self._retry(_LATER, error)
        self._connect()

    def _connected(self, welcome: Frame) -> None:
        link = self._link
        assert link
        link.live()
        self._connected_at = self._clock.now()
        self._is_token_old = False
        self._listener.welcome(welcome, False)
        if self._link is link:  # else a handler closed the client
            self._become("connected")
        if self._link is link:
            self._listener.opened(link)
        self._settle()

    def _retry(self, ending: Ending, error: ClientError | None) -> None:
        lived = 0.0 if self._connected_at is None else self._clock.now() - self._connected_at
        floor, jitter = self._back_off.next(ending, lived)
        self._hang_up()
        self._not_before = self._clock.now() + floor
        self._dial_in(floor + jitter)
        self._become("waiting", error)

    def _dial_in(self, ms: float) -> None:
        self._cancel_wait()
        self._cancel_wait = self._clock.after(ms, self.dial)

    def _hang_up(self) -> None:
        if self._attempt:
            self._attempt.cancel()
            self._attempt = None
        self._connected_at = None
        if self._link:
            self._link.abandon()
            self._link = None
            self._listener.dropped()

    async def _renew(self, token: Token) -> None:
        link = self._link
        with suppress(ClientError):  # then the server closes with 4001
            shown = await self._ask(token, True)
            if link and link is self._link:
                await self._change(link, token, shown, self._listener.renewing())

    async def _change(
        self, link: ClientLink, token: Token, shown: str | None, rest: Mapping[str, Any]
    ) -> None:
        """Returns with the next welcome: of this connection, or of the next one if this one breaks before."""
        before, self.token = self.token, token
        changed = self._welcomed()

        def answered(reply: Frame) -> None:
            if reply["ok"]:
                self._listener.welcome(reply["data"], True)
                return self._settle()
            self.token = before
            self._listener.unchanged()
            if not changed.done():
                changed.set_exception(error_of(reply))

        link.ask(encode({"type": "change_user", **self._credentials(shown), **rest}), answered)
        await changed

    def _credentials(self, token: str | None) -> Mapping[str, Any]:
        return {"token": token, "expiring": _RENEW_BEFORE if callable(self.token) else None}

    async def _ask(self, token: Token, is_newer_needed: bool) -> str | None:
        """Return a token. Raises ClientError if there is none after ten seconds."""
        if not callable(token):
            return token
        is_late = False

        def stop() -> None:
            nonlocal is_late
            is_late = True
            asking.cancel()

        asking = asyncio.create_task(_call(token, is_newer_needed))
        cancel = self._clock.after(_TOKEN_TIME, stop)
        try:
            return await asking
        except asyncio.CancelledError:
            if not is_late:
                raise
            raise _no_token("it took too long") from None
        except Exception as error:
            raise _no_token(error) from error
        finally:
            cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _welcomed(self) -> asyncio.Future[None]:
        if self.error and self.state == "closed":
            raise self.error.copy()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def _settle(self) -> None:
        for future in self._unsettled():
            future.set_result(None)

    def _unsettled(self) -> list[asyncio.Future[None]]:
        waiting, self._waiting = self._waiting, []
        return [future for future in waiting if not future.done()]

    def _become(self, state: State, error: ClientError | None = None) -> None:
        if state != self.state != "closed":
            self.state = state
            self.error = error
            self._listener.changed(state, error)


async def _call(token: TokenFunction, is_newer_needed: bool) -> str | None:
    answer = token(is_newer_needed)
    return await answer if isinstance(answer, Awaitable) else answer


def _no_token(cause: object) -> ClientError:
    return ClientError("unauthenticated", f"There is no token: {cause}.")
