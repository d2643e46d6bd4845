"""Spans: makes the spans of one server, and reads and writes what names a span of another: `traceparent` (W3C Trace Context)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from walkwire.errors import PublicError
from walkwire.ids import TRACEPARENT

_NAMED = re.compile(rb'[" ]00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:"\])?\Z')  # at the end of a line
_MOST = 60  # bytes at the end of the line, in which it is found
_propagator = TraceContextTextMapPropagator()


class Spans:
    """Makes spans. May be called from any thread. What failed is shown by its code, never by its text."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(
        self,
        name: str,
        kind: SpanKind,
        parent: Context | None,
        attributes: Mapping[str, Any],
        start: int | None = None,
    ) -> Span:
        """Return a span that has begun, now or at `start` (Unix nanoseconds). `parent`: None for the current span."""
        return self._tracer.start_span(name, parent, kind, dict(attributes), start_time=start)

    @contextmanager
    def span(
        self, name: str, kind: SpanKind, parent: Context | None, attributes: Mapping[str, Any]
    ) -> Iterator[Span]:
        """Make a span that is current in the block."""
        span = self.begin(name, kind, parent, attributes)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                end(span, error)
                raise
        end(span, None)


def end(span: Span, error: BaseException | None) -> None:
    """End a span."""
    if error is not None:
        code = error.code if isinstance(error, PublicError) else type(error).__name__
        span.set_attribute("error.type", code)
        span.set_status(StatusCode.ERROR)
    span.end()


def below(span: SpanContext) -> Context:
    """Return the context of what is done below a span."""
    return trace.set_span_in_context(NonRecordingSpan(span), Context())


def parent_of_event() -> Context | None:
    """Return the context that the event under way names; None if it names none."""
    given = TRACEPARENT.get()
    return None if given is None else _propagator.extract({"traceparent": given}, Context())


def parent_in(headers: Iterable[tuple[bytes, bytes]]) -> Context:
    """Return the context that the headers of a request name."""
    carrier = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name in (b"traceparent", b"tracestate")
    }
    return _propagator.extract(carrier, Context())


def with_name(message: bytes, span: SpanContext) -> bytes:
    """Return an envelope, or its head, or an entry behind its place, with a span named behind the fields of its first line."""
    name = b"00-%032x-%016x-%02x" % (span.trace_id, span.span_id, span.trace_flags)
    at = message.find(b"\n")
    line, rest = (message, b"") if at < 0 else (message[:at], message[at:])
    if line.startswith(b"[") and line.endswith(b"]"):
        return b'%b,"%b"]%b' % (line[:-1], name, rest)
    return b"%b %b%b" % (line, name, rest)


def named_in(message: bytes) -> SpanContext | None:
    """Return the span that the first line of a message names; None if it names none."""
    at = message.find(b"\n")
    found = _NAMED.search(message, max(0, at - _MOST), at) if at > 0 else None
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
