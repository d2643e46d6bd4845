"""Walks: spans of walks and of their commits, as a `Watcher` of the runtime: walk → commit."""

from __future__ import annotations

from contextvars import Token
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind

from walkwire.ids import LOG_IDS
from walkwire.server.tracing.requests import note_walker
from walkwire.server.tracing.spans import Spans, below, end, parent_of_event
from walkwire.store import Changes
from walkwire.walk.unit.record import WalkRecord, Watcher


@dataclass(slots=True)
class _Walk:
    """The spans of one walk. `ids`: gives back those of the log at the end."""

    span: Span
    ids: Token[Any]
    commit: Span | None = None


class WalkSpans(Watcher):
    """Makes a span for each walk, and one below it for each of its commits. The log has the ids of the walk's span."""

    wants_steps = False

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def begun(self, record: WalkRecord) -> None:
        """Begin the span of a walk."""
        attributes = {"walkwire.walker": record.walker, "walkwire.mode": record.mode} | {
            f"walkwire.{name}": str(value) for name, value in record.ids.items() if value is not None
        }
        kind = SpanKind.INTERNAL if note_walker(record.walker) else SpanKind.SERVER
        span = self._spans.begin(f"walk {record.walker}", kind, parent_of_event(), attributes)
        names: dict[str, object] = {}
        if (context := span.get_span_context()).trace_flags.sampled:
            names = {"trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}
        record.marks[self] = _Walk(span, LOG_IDS.set({**record.ids, **names}))

    def committing(self, record: WalkRecord, changes: Changes) -> None:
        """Begin the span of a commit."""
        walk: _Walk = record.marks[self]
        attributes = {
            "walkwire.new": len(changes.new_nodes) + len(changes.new_edges),
            "walkwire.changed": len(changes.changed_nodes) + len(changes.changed_edges),
            "walkwire.deleted": len(changes.deleted_nodes) + len(changes.deleted_edges),
        }
        parent = below(walk.span.get_span_context())
        walk.commit = self._spans.begin("commit", SpanKind.INTERNAL, parent, attributes)

    def committed(self, record: WalkRecord, error: BaseException | None) -> None:
        """End the span of a commit."""
        walk: _Walk = record.marks[self]
        commit, walk.commit = walk.commit, None
        if commit is not None:
            end(commit, error)

    def ended(self, record: WalkRecord) -> None:
        """End the span of a walk."""
        walk: _Walk = record.marks[self]
        walk.span.set_attribute("walkwire.attempts", record.attempts)
        if record.error is None:
            walk.span.set_attribute("walkwire.status", record.status)
        end(walk.span, record.error)
        LOG_IDS.reset(walk.ids)

    def under_way(self, record: object) -> Context | None:
        """Return the context of a notification that this walk sends: below its commit, or below the walk."""
        walk: _Walk | None = record.marks.get(self) if isinstance(record, WalkRecord) else None
        if walk is None:
            return None
        return below((walk.commit or walk.span).get_span_context())
