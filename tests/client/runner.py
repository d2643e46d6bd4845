"""Runner: plays a script of clients/fixtures, as its README says."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable
from dataclasses import asdict
from inspect import isawaitable
from typing import Any

from tests.client.fake import FakeClock, FakeNetwork, FakeTransport, settled
from walkwire.client import Client, ClientChannel, ClientError, QueueBound

KEPT = ("message", "user", "client", "recovered", "resync", "presence", "joined", "left")


async def play(script: dict[str, Any]) -> None:
    run = Run(script.get("options", {}))
    await settled()
    for number, step in enumerate(script["steps"], 1):
        kind = next(iter(step))
        try:
            result = getattr(run, kind if kind != "raise" else "raise_")(step[kind], step)
            if isawaitable(result):
                await result
            await settled()
        except AssertionError as error:
            raise AssertionError(f"step {number}, {json.dumps(step)}: {error}") from error
    await run.finish()


class Run:
    def __init__(self, options: dict[str, Any]) -> None:
        self._clock = FakeClock(options.get("random", 0.5))
        self._network = FakeNetwork()
        self._tokens = options.get("token")
        self._renewals: list[bool] = []
        self._names: dict[str, Any] = {}
        self._calls: dict[str, asyncio.Future[Any]] = {}
        self._told: dict[str, list[Any]] = defaultdict(list)
        self._raise = ""
        self._heard: set[ClientChannel] = set()
        self._socket: FakeTransport | None = None  # the last one that a step accepted or refused
        self._connect_id: Any = None
        self._client = Client(
            "ws://server.test/websocket",
            token=self._give_token if isinstance(self._tokens, list) else self._tokens,
            info=options.get("info"),
            queue=QueueBound(**options.get("queue", {})),
            transport=self._network.transport,
            clock=self._clock,
        )
        for channel in options.get("channels", ()):
            self._join(**channel)
        self._client.on_user(lambda event: self._tell("user", asdict(event)))
        self._client.on_client(lambda event: self._tell("client", asdict(event)))
        self._client.on_recovered(lambda event: self._tell("recovered", asdict(event)))
        self._client.on_resync(lambda event: self._tell("resync", asdict(event)))
        self._client.on_joined(self._put_into)
        self._client.on_left(lambda channel: self._tell("left", {}, channel))
        self._client.on_state(
            lambda event: self._tell("state", {"state": event[0], "code": event[1] and event[1].code})
        )

    def _join(self, channel_id: str, **options: Any) -> None:
        channel = self._client.channel(channel_id, **options)
        self._heard.add(channel)
        channel.on_message(lambda event: self._tell("message", asdict(event), channel))
        channel.on_presence(lambda event: self._tell("presence", asdict(event), channel))

    def _put_into(self, channel: ClientChannel) -> None:
        if channel not in self._heard:
            self._join(channel.id)
        self._tell("joined", {}, channel)

    async def _give_token(self, is_newer_needed: bool) -> Any:
        count = len(self._renewals)
        token = self._tokens[count] if count < len(self._tokens) else None
        self._renewals.append(is_newer_needed)
        if isinstance(token, dict) and "never" in token:
            await asyncio.Event().wait()
        if isinstance(token, dict):
            raise OSError(token["raise"])
        return token

    def _tell(self, on: str, event: dict[str, Any], channel: ClientChannel | None = None) -> None:
        self._told[on].append(event | {"channel_id": channel.id if channel else event.get("channel")})
        if self._raise == on:
            self._raise = ""
            raise RuntimeError("as the script wants")

    # One method for each kind of step.

    def accept(self, _: Any, step: Any) -> None:
        self._opening().accept()

    def refuse(self, _: Any, step: Any) -> None:
        self._opening().end()

    def expect(self, event: Any, step: Any) -> None:
        assert self._socket
        assert self._socket.sent, "the client has sent nothing"
        sent = self._socket.sent.pop(0)
        self._compare(sent, event)
        for path in step.get("absent", ()):
            assert not _is_there(sent, path.split(".")), f"{path} is there"
        if sent["type"] == "connect":
            self._connect_id = sent["id"]

    def send(self, frame: Any, step: Any) -> None:
        assert self._socket
        self._socket.say(self._filled(frame))

    def welcome(self, data: Any, step: Any) -> None:
        streams = {
            "user": {"at": "u0", "recovered": None},
            "client": {"at": "c0", "recovered": None},
            "channels": {},
        }
        streams |= {name: data[name] for name in streams if name in data}
        who = {"client_id": "c1", "root_id": "n::1", "session": "S1", "session_seconds": 300}
        assert self._socket
        self._socket.say(
            {"type": "reply", "id": self._connect_id, "ok": True, "data": who | data | {"streams": streams}}
        )

    def close(self, close: Any, step: Any) -> None:
        assert self._socket
        self._socket.end(close["code"], json.dumps(close["reason"]) if "reason" in close else "")

    def drop(self, _: Any, step: Any) -> None:
        assert self._socket
        self._socket.end()

    def abandoned(self, _: Any, step: Any) -> None:
        assert self._network.last
        assert self._network.last.is_abandoned, "the client still has its connection"

    async def advance(self, ms: int, step: Any) -> None:
        await self._clock.advance(ms)

    def sleep(self, ms: int, step: Any) -> None:
        self._clock.time += ms

    def call(self, name: str, step: Any) -> None:
        result = getattr(self, f"_call_{name}")(**step.get("with", {}))
        if isawaitable(result):
            self._calls[step["as"]] = asyncio.ensure_future(result)

    def abort(self, name: str, step: Any) -> None:
        self._calls[name].cancel()

    def result(self, name: str, step: Any) -> None:
        call = self._calls[name]
        assert call.done(), "the call has not ended"
        assert call.cancelled() == ("aborted" in step), call
        if "aborted" in step:
            return
        error = call.exception()
        if "error" not in step:
            return self._compare(_plain(call.result()), step["is"])
        assert isinstance(error, ClientError), error
        self._compare(vars(error), step["error"])

    def pending(self, name: str, step: Any) -> None:
        assert not self._calls[name].done()

    def told(self, event: Any, step: Any) -> None:
        told = self._told[event.pop("on")]
        assert told, "the application was not told"
        self._compare(told.pop(0), event)

    def raise_(self, on: str, step: Any) -> None:
        self._raise = on

    def state(self, state: str, step: Any) -> None:
        assert self._client.state == state

    def quiet(self, _: Any, step: Any) -> None:
        if self._socket:
            assert self._socket.sent == []
        last = self._network.last
        assert not last or last is self._socket or last.is_abandoned, "the client is opening a connection"

    def wake(self, how: str, step: Any) -> None:
        self._client.wake()

    def asked(self, asked: list[bool], step: Any) -> None:
        assert self._renewals == asked

    # One method for each kind of call.

    def _call_walk(self, walker: str, fields: Any = None, **options: Any) -> Awaitable[Any]:
        return self._client.walk(walker, fields, **options)

    def _call_channel(self, **options: Any) -> None:
        self._join(**options)

    def _call_leave(self, channel_id: str) -> None:
        self._client.channel(channel_id).leave()

    def _call_send(self, channel_id: str, data: Any, **options: Any) -> Awaitable[Any]:
        if channel := self._client.channels.get(channel_id):
            return channel.send(data, **options)
        return self._client.send_to_channels([channel_id], data, **options)

    def _call_send_users(self, **options: Any) -> Awaitable[Any]:
        return self._client.send_to_users(**options)

    def _call_send_clients(self, **options: Any) -> Awaitable[Any]:
        return self._client.send_to_clients(**options)

    def _call_history(self, channel_id: str, **options: Any) -> Awaitable[Any]:
        if channel := self._client.channels.get(channel_id):
            return channel.history(**options)
        return self._client.history(channel_id, **options)

    def _call_members(self, channel_id: str, **options: Any) -> Awaitable[Any]:
        return self._client.channel(channel_id).members(**options)

    def _call_change_user(self, **options: Any) -> Awaitable[Any]:
        return self._client.change_user(**options)

    def _call_close(self) -> None:
        self._client.close()

    def _opening(self) -> FakeTransport:
        socket = self._network.last
        assert socket, "the client has opened no connection"
        assert socket is not self._socket, "the client is not opening a connection"
        assert not socket.is_abandoned, "the client has given the connection up"
        assert socket.url == "ws://server.test/websocket"
        assert not self._socket or self._socket.sent == [], "the connection before has unread events"
        self._socket = socket
        return socket

    async def finish(self) -> None:
        assert not self._socket or self._socket.sent == [], "at the end"
        assert {on: told for on, told in self._told.items() if on in KEPT and told} == {}, "at the end"
        self._client.close()
        await asyncio.gather(*self._calls.values(), return_exceptions=True)

    def _compare(self, actual: Any, expected: Any, path: str = "") -> None:
        if isinstance(expected, str) and expected.startswith("$"):
            assert actual is not None, path
            assert self._names.setdefault(expected, actual) == actual, path
        elif isinstance(expected, list):
            assert isinstance(actual, list | tuple), f"{path}: {actual}"
            assert len(actual) == len(expected), f"{path}: {actual}"
            for index, (one, other) in enumerate(zip(actual, expected, strict=True)):
                self._compare(one, other, f"{path}.{index}")
        elif isinstance(expected, dict):
            assert isinstance(actual, dict), f"{path}: {actual}"
            if path.endswith(".members"):
                assert actual.keys() == expected.keys(), path
            for key, value in expected.items():
                assert key in actual, f"{path}.{key} is not there"
                self._compare(actual[key], value, f"{path}.{key}")
        else:
            assert (actual, type(actual)) == (expected, type(expected)), path

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            return self._names[value]
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        return {k: self._filled(item) for k, item in value.items()} if isinstance(value, dict) else value


def _plain(result: Any) -> Any:
    return asdict(result) if hasattr(result, "__dataclass_fields__") else result


def _is_there(value: Any, path: list[str]) -> bool:
    for key in path:
        if isinstance(value, list) and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            return False
    return True
