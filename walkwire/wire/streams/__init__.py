"""Streams: what version 2 clients hear, in order and without gaps."""
