"""Tracing: OpenTelemetry spans of walks, commits and notifications, over all servers. Imported only where TRACES is set."""
