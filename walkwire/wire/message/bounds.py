"""Bounds on the size of what a client sends. `docs/protocol.md` states each of them."""

from __future__ import annotations

TARGETS = 1000
"""Targets in one event, and in one request to `/notify`."""

ID_LENGTH = 64
"""Characters in the id of an event."""

KEY_LENGTH = 128
"""Characters in the key of a walker event, and in the header `Idempotency-Key`."""

LONGEST_NOTICE = 24 * 60 * 60
"""Seconds before the end of its token for which a client may ask to be told."""

TOLD = 100
"""Problems that one error lists. A mebibyte of nonsense may hold 262,000, and to format them takes two seconds."""

LONGEST_ECHO = 64 * 1024
"""Bytes of an event, and of an error's details, beyond which errors do not repeat their input."""

TYPE_LENGTH = 128
"""Characters of an unknown type that its error repeats."""

LONG = 8 * 1024
"""Bytes of JSON beyond which a program's model validates it in a thread. A model with lists as defaults takes 0.5 µs a byte."""

MOST_TOLD = 8 * 1024 * 1024
"""Bytes of a message, times the problems in it: beyond it an error gives only their number. Each may name half of the message."""

MOST_QUOTED = 1024 * 1024
"""The same: beyond it an error leaves out the inputs. Each may be the whole message."""

MOST_NAMED = 64 * 1024
"""Characters of keys of a message that an error repeats as places; beyond it only the number of problems is given."""
