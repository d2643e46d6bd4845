"""Message: what travels: events, frames, envelopes between servers, close codes. No connection, no hub."""
