"""Export: where spans are sent: to an OpenTelemetry collector, by OTLP over HTTP.

The library itself reads the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and others.
"""

from __future__ import annotations

import secrets
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def make_processor() -> SpanProcessor:
    """Return what takes the spans of a server when they end: it sends them in batches, in a thread of its own."""
    return BatchSpanProcessor(OTLPSpanExporter())


def make_provider() -> TracerProvider:
    """Return a provider of tracers for one server. Shut it down at the end: that sends what is left, and waits for it."""
    own = {
        "service.name": "walkwire",
        "service.version": version("walkwire"),
        "service.instance.id": secrets.token_hex(8),
    }
    provider = TracerProvider(
        resource=Resource(own).merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(make_processor())
    return provider
