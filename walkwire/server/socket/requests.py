"""Requests: uvicorn's HTTP protocol, with limits on heads, bodies, pipelines and the time that a request takes to arrive.

uvicorn parses everything that was read at once, and reads on after each answer. Here data is parsed in pieces, and no further
while enough requests wait for their answers. Requests begin in the time of `wire/budget`, as events of WebSockets do.
"""

from __future__ import annotations

import asyncio
import math
import re
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from walkwire.server.socket.answers import refuse_headers, with_id
from walkwire.server.socket.cycle import DEFAULT, EXTENSIONS, Cycle, Flow
from walkwire.server.socket.window import use_window
from walkwire.wire.budget import request_seconds
from walkwire.wire.deadlines import Deadlines
from walkwire.wire.door import Door

HEAD_BYTES = 64 * 1024
HEADERS = 128
HEAD_SECONDS = 30.0  # for a head to arrive, and for a body before its rate counts
BODY_SECONDS = 60.0  # for a whole body
BODY_RATE = 1024  # bytes a second, at least

PIPELINE = 16  # requests of a connection that may wait for their answers
QUEUED = 64 * 1024  # bytes of them
PIECE = 256  # bytes parsed at once if there may be many requests in them; the shortest has 9
LARGE_PIECE = 16 * 1024
SHORT = 4096  # bytes that are parsed at once, without a look at the clock
BODY_BYTE = 5e-9  # seconds that are counted for a byte of a body: it is read when it is complete
PIECES = 64  # small ones that are parsed in one turn of the event loop: they may hold 2,700 chunks of a body
LINES = 2 * PIPELINE  # a request has two lines at least

_is_plain = re.compile(rb"/(?:[^/?#][^?#]*)?").fullmatch  # a path alone

_REQUEST = 4096  # bytes of memory for a request that waits, about, and for each of its headers
_HEADER = 200
_SPOOLED = 1024 * 1024  # bytes of a form in memory: the rest is in files


class RequestProtocol(HttpToolsProtocol):
    """The protocol of a connection that speaks HTTP. A subclass has the attributes that are declared without a value.

    - address: what the connection is counted by
    - taken: its place in line, kept by `Budget`
    """

    taken = 0.0
    is_narrow = False
    _door: Door
    _heads: Deadlines[Any]
    _bodies: Deadlines[Any]
    _head_seconds: float
    _body_seconds: float  # 0: no limit
    flow: Flow
    address = ""
    _data = b""  # being parsed
    _place = 0  # in it
    _rest = b""  # received, and not parsed yet
    _queued = 0  # bytes that were parsed since no request waited
    _is_in_head = True
    _is_in_body = False
    _is_new = False  # whether a request began in the piece that was parsed last
    _has_body = False  # whether it had a part of a body
    _is_over = False  # whether what follows is dropped
    _is_due = False  # whether it waits in line to parse on
    _received = 0  # bytes of an incomplete head; in a body, of chunk extensions and trailers
    _body_size = 0
    _body_began = 0.0  # later by the time that the server did not read
    _judged = 0.0
    _timed_by: Deadlines[Any] | None = None
    _turn: asyncio.Future[None] | None = None  # done when the request that waits for a turn may be handled
    _cost = 0.0  # of that request, in seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the connection. Called by the gateway."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self.flow = Flow(self.transport)
        self._door.memory.requests.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse what was received, or keep it while enough requests wait. Called by the event loop."""
        if self._rest:
            self._rest += data
            self._door.memory.grow(len(data))
        elif self.pipeline or self.flow.is_held or len(data) > SHORT or data.count(b"\n") > LINES:
            if self._door.budget.must_wait(self):
                self._rest, self.flow.is_held = data, True
                self.flow.pause_reading()
                self._parse_later()
            else:
                self._parse(data)
            self._door.memory.grow(len(self._rest))
        else:  # the usual case: one request, or a part of one
            self._data, self._place, self._is_over = data, 0, False
            self._parse_piece(data)
            self._data = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop everything. Called by the event loop."""
        self._is_in_head = self._is_in_body = False
        self.let_go()
        super().connection_lost(exc)
        self.pipeline.clear()  # they refer to us
        self.cycle = None  # type: ignore[assignment]

    def let_go(self) -> None:
        """Be counted no longer: the connection is closed, or another protocol takes over."""
        self._rest = b""
        self._stop_clock()
        self._door.memory.requests.discard(self)
        self._door.connections.depart(self.address)
        self.address = ""

    def read_rest(self) -> None:
        """Let the request begin that waits for a turn, or parse on. Called by the budget, once for each."""
        turn, self._turn = self._turn, None
        if turn is None:
            self._parse_rest()
            return
        self._door.budget.count(self, self._cost)
        if not turn.done():
            turn.set_result(None)

    def narrow(self, is_narrow: bool) -> None:
        """Let the peer send little ahead, or as much as usual. Called by the budget."""
        self.is_narrow = is_narrow
        use_window(self.transport, is_narrow=is_narrow)

    # Called by limits

    def held(self) -> int:
        """Return about how many bytes this connection holds: parsed requests, the body, what is not parsed, what is not sent."""
        waiting = sum(_size(cycle) for cycle, _ in self.pipeline)
        return len(self._rest) + waiting + self._body_held() + self.transport.get_write_buffer_size()

    def give_up(self) -> None:
        """Close, with 503 if no answer has begun: all connections together hold too much."""
        self._door.connections.refuse("memory")
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._refuse("503 Service Unavailable")

    def expire_head(self) -> None:
        """Refuse the request with 408, if its head is still missing."""
        if not self._is_in_head:
            return
        if self._is_answering or self.flow.read_paused:  # the server keeps the client waiting
            self._heads.start(self)
        else:
            self._door.connections.refuse("request_time")
            self._refuse("408 Request Timeout")

    def expire_body(self) -> None:
        """Refuse the request with 408, if its body comes too slowly or takes too long."""
        if not self._is_in_body:
            return
        now = self.loop.time()
        if self._is_answering or self.flow.read_paused:
            self._body_began += now - self._judged
        self._judged = now
        most = min(self._head_seconds + self._body_size / BODY_RATE, self._body_seconds or math.inf)
        if now - self._body_began > most:
            self._door.connections.refuse("request_time")
            self._refuse("408 Request Timeout")
        else:
            self._bodies.start(self)

    # Called by the parser

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_in_head = self._is_new = True
        self._received = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head, and begin a body. Does as uvicorn does, without its settings that are not used here."""
        self._is_in_head, self._is_in_body, self._received, self._body_size = False, True, 0, 0
        self._stop_clock()
        parser, scope, url = self.parser, self.scope, self.url
        version = parser.get_http_version()
        scope["extensions"] = EXTENSIONS
        scope["method"] = parser.get_method().decode()
        if version != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        if not _is_plain(url):
            parts = httptools.parse_url(url)
            url, scope["query_string"] = parts.path, parts.query or b""
        else:
            scope["query_string"] = b""
        scope["raw_path"] = url
        path = url.decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        before = self.cycle
        cycle = self.cycle = Cycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            False,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            version != "1.0" and parser.should_keep_alive(),
            self.on_response_complete,
        )
        app = self.app if len(self.headers) <= HEADERS else refuse_headers
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._has_body = True
        self._body_size += len(body)
        if len(body) > SHORT:
            self._door.budget.count(self, len(body) * BODY_BYTE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a body."""
        self._is_in_body = False
        self._stop_clock()
        super().on_message_complete()

    # Called by uvicorn

    def on_response_complete(self) -> None:
        """Answer the next request, and parse on if few wait."""
        super().on_response_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self.cycle.body = bytearray()  # nobody reads it any more: what is still to come of it is dropped
        if not self.pipeline:
            self._queued = 0
        if self.transport.is_closing():
            self._rest = b""
        elif not self._is_full:
            if self._rest:
                self._parse_later()
            else:
                self.flow.is_held = False
                self.flow.resume_reading()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close."""
        always = DEFAULT.lines(self.server_state.default_headers)
        kind = b"content-type: text/plain; charset=utf-8\r\nconnection: close"
        answer = b"HTTP/1.1 400 Bad Request\r\n%b%b\r\ncontent-length: %d\r\n\r\n%b"
        self.transport.write(with_id(answer % (always, kind, len(msg), msg.encode())))
        self.transport.close()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin to handle a request, in a later turn of the event loop if the time of this one is spent."""
        budget, self._cost = self._door.budget, request_seconds(cycle.scope["path"])
        if budget.must_wait(self):
            turn = self._turn = self.loop.create_future()
            budget.wait(self)
            app = _after(turn, app)
        else:
            budget.count(self, self._cost)
        super()._start_asgi_task(cycle, app)

    def _unsupported_upgrade_warning(self) -> None:
        self._is_over = True  # what follows would be in another protocol
        super()._unsupported_upgrade_warning()

    @property
    def _is_full(self) -> bool:
        return len(self.pipeline) > PIPELINE or (bool(self.pipeline) and self._queued > QUEUED)

    @property
    def _is_body_full(self) -> bool:
        """Return whether uvicorn keeps so much of a body that it reads no further. Of an answered request it keeps nothing."""
        return self.cycle is not None and len(self.cycle.body) > HIGH_WATER_LIMIT

    @property
    def _is_answering(self) -> bool:
        """Return whether an answer to this request, or to the one before, is being sent."""
        cycle = self.cycle
        return (
            cycle is not None and not cycle.response_complete and (self._is_in_head or cycle.response_started)
        )

    def _parse_later(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._door.budget.wait(self)

    def _parse_rest(self) -> None:
        self._is_due = False
        rest, self._rest = self._rest, b""
        if rest:
            self._parse(rest)

    def _parse(self, data: bytes) -> None:
        budget = self._door.budget
        self._data, self._is_over, place = data, False, 0
        started, small, usual, judged = budget.clock(), PIECES, LARGE_PIECE, 0
        while small and place < len(data) and not self._is_over and not self._is_full:
            if place and budget.clock() > budget.slice_ends(started):
                break
            if place >= judged:
                judged = place + LARGE_PIECE
                usual = LARGE_PIECE if data.count(b"\n", place, judged) <= LINES else PIECE
            small -= usual == PIECE
            end = place + max(usual, self._body_left() if self._is_in_body else 0)
            self._place = place
            self._parse_piece(data[place:end])
            if self.parser is None or self.transport.is_closing():
                self._is_over = True
            place = end
        budget.spend(self, started)
        self._data = b""
        self._rest = b"" if self._is_over else data[place:]
        if self._rest and not self._is_full:
            self._parse_later()
        if not self._is_over:
            was_held, self.flow.is_held = self.flow.is_held, bool(self._rest) or self._is_full
            if self.flow.is_held:
                self.flow.pause_reading()
            elif was_held and not self.pipeline and not self._is_body_full:
                self.flow.resume_reading()  # no answer is to come that would do it

    def _parse_piece(self, piece: bytes) -> None:
        before = len(self.pipeline)
        self._is_new = self._has_body = False
        super().data_received(piece)
        if self.pipeline:
            self._queued += len(piece)
        self._door.memory.grow(len(piece) + _REQUEST * max(0, len(self.pipeline) - before))
        if self._is_in_head or self._is_in_body:
            is_more_of_it = not (self._is_new or self._has_body)
            self._received = self._received + len(piece) if is_more_of_it else 0
            self._wait_for_more()

    def _wait_for_more(self) -> None:
        if self.transport.is_closing():
            return
        if self._received > HEAD_BYTES or len(self.headers or ()) > HEADERS:
            self._door.connections.refuse("head_size")
            self._refuse("431 Request Header Fields Too Large")
        elif self._timed_by is None:
            if self._is_in_body:
                self._body_began = self._judged = self.loop.time()
            self._timed_by = self._bodies if self._is_in_body else self._heads
            self._timed_by.start(self)

    def _stop_clock(self) -> None:
        if self._timed_by is not None:
            self._timed_by.cancel(self)
            self._timed_by = None

    def _refuse(self, status: str) -> None:
        is_answered = self.cycle is not None and self.cycle.response_complete and not self._is_in_head
        if not self._is_answering and not is_answered:
            head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(with_id(head.encode()))
        self._is_in_head = self._is_in_body = False
        self.transport.close()

    def _body_left(self) -> int:
        """Return how many bytes of the body are still to come; 0 if it comes in chunks."""
        for name, value in self.headers:
            if name == b"content-length" and value.isdigit():
                return int(value) - self._body_size
        return 0

    def _body_held(self) -> int:
        if self.cycle is None or self.cycle.response_complete:
            return 0
        is_form = any(
            name == b"content-type" and value.startswith(b"multipart/") for name, value in self.headers
        )
        return min(self._body_size, _SPOOLED) if is_form else self._body_size


def _size(cycle: Any) -> int:
    return _REQUEST + _HEADER * len(cycle.scope["headers"]) + len(cycle.body)


def _after(turn: asyncio.Future[None], app: Any) -> Any:
    async def wait(scope: Any, receive: Any, send: Any) -> None:
        await turn
        await app(scope, receive, send)

    return wait
