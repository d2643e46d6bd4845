"""Streams: what a server adds to those of the wire: session tokens, levels by setting, and entries in the database."""
