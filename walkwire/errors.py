"""Errors: every error of walkwire, as one tree. A client is told a code and a sentence from here, and nothing else.

WalkwireError
├── PublicError                 what a client may be told: code, sentence, HTTP status
│   ├── UnknownWalker           unknown_walker   404
│   ├── Unauthenticated         unauthenticated  403
│   ├── NoAccess                no_access        403
│   ├── BadReference            bad_reference    400
│   ├── Conflict                conflict         409
│   ├── Busy                    busy             503
│   │   └── Unreached           busy             503   (told on this server only)
│   ├── CommitInDoubt           in_doubt         504   (nobody can tell whether it was done)
│   ├── Refused                 refused          403
│   ├── Limited                 limited          429
│   ├── TimedOut                timeout          504
│   ├── NotPrintable            unprintable      500   (a report or a notification without a JSON form)
│   ├── Internal                internal         500   (its sentence is a reference into the log)
│   └── BadEvent                bad_event        400   (an event, or a walker's fields, of the wrong shape)
├── RecordError                 a stored record and its class no longer fit: for the log, never for a client
└── StartError                  the operator's: one sentence, exit code 2
    └── ProgramError            a program that cannot be read: file, line, column, the line
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any


class WalkwireError(Exception):
    """The root of all errors raised by walkwire."""


class PublicError(WalkwireError):
    """An error whose code and sentence reach the client as they are: `raise PublicError("sold_out", "No tickets left")`.

    `code` is a short word for programs, `message` a sentence for people, `status` the HTTP status over REST (400 to 599).
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class UnknownWalker(PublicError):
    """No such walker, or one that may not be called this way. The sentence is the seed's."""

    def __init__(self) -> None:
        super().__init__("unknown_walker", "Invalid request! Please use valid walker event!", 404)


class Unauthenticated(PublicError):
    """A walker that needs a user was called by the public one. The sentence is the seed's."""

    def __init__(self, name: str) -> None:
        super().__init__("unauthenticated", f"Event {name} requires to be authenticated!", 403)


class NoAccess(PublicError):
    """A node that is absent, or that the caller has no right to touch in this way: the two are not told apart."""

    def __init__(self, reference: str, message: str | None = None) -> None:
        super().__init__("no_access", message or f"You don't have access on target entry {reference}!", 403)


class BadReference(PublicError):
    """A reference that is not `<kind>:<Class>:<24 hex digits>`, nor the bare digits."""

    def __init__(self, reference: object) -> None:
        super().__init__("bad_reference", f"Not a valid reference: {str(reference)[:80]!r}", 400)


class Conflict(PublicError):
    """Other walks kept changing what this one read, after all the runs that a walk is given."""

    def __init__(
        self, message: str = "Others changed the same data at the same time. Please try again!"
    ) -> None:
        super().__init__("conflict", message, 409)


class Busy(PublicError):
    """The queue of waiting walks, or the database, takes no more for the moment."""

    def __init__(self, message: str = "The server is busy. Please try again!") -> None:
        super().__init__("busy", message, 503)


class Unreached(Busy):
    """The broker is away: what was to be told was told to those on this server, and to nobody else."""

    def __init__(self) -> None:
        super().__init__("Only those on this server were told: the others cannot be reached at the moment.")


class CommitInDoubt(PublicError):
    """The connection to the database broke in the midst of a commit, and the database cannot be asked whether it was made."""

    def __init__(self) -> None:
        super().__init__(
            "in_doubt",
            "The database went away before it said whether this was done: it was done, or nothing was. Please look before "
            "you try again!",
            504,
        )


class Refused(PublicError):
    """A policy does not let this caller do that."""

    def __init__(self, message: str) -> None:
        super().__init__("refused", message, 403)


class Limited(PublicError):
    """More than one connection, user or address may have."""

    def __init__(self, message: str) -> None:
        super().__init__("limited", message, 429)


class TimedOut(PublicError):
    """It took longer than it may."""

    def __init__(self, message: str = "The walk took too long.") -> None:
        super().__init__("timeout", message, 504)


class NotPrintable(PublicError):
    """A value that is reported or notified has no JSON form. The sentence names its type, never the value."""

    def __init__(self, message: str) -> None:
        super().__init__("unprintable", message, 500)


class Internal(PublicError):
    """A fault of the program or of walkwire. The client gets `reference`, 8 hex digits; the log has the traceback beside it."""

    def __init__(self) -> None:
        self.reference = secrets.token_hex(4)
        super().__init__("internal", f"Internal error, reference {self.reference}", 500)


class BadEvent(PublicError):
    """An event or a walker's fields of the wrong shape.

    `details` is a list in pydantic's form (`type`, `loc`, `msg`, `input`; no urls), or None where only the sentence is known.
    """

    def __init__(self, message: str, details: Sequence[dict[str, Any]] | None = None) -> None:
        super().__init__("bad_event", message, 400)
        self.details = details


class RecordError(WalkwireError):
    """A record of the store that its class cannot read, or a value that cannot be stored. Names the record and the field."""

    def __init__(self, reference: str, field: str | None, message: str) -> None:
        where = f"{reference}, field {field!r}" if field else reference
        super().__init__(f"{where}: {message}")
        self.reference = reference
        self.field = field


class StartError(WalkwireError):
    """Why walkwire cannot start, in one sentence for the operator. The command line prints it and exits with 2."""


class ProgramError(StartError):
    """A program that cannot be read.

    `path` as given by the user, `line` and `column` from 1 (None where unknown), `text` the line itself. `message` says what
    is wrong and, where it can, what to write.
    """

    def __init__(
        self, path: str, line: int | None, column: int | None, text: str | None, message: str
    ) -> None:
        self.path, self.line, self.column, self.text, self.message = path, line, column, text, message
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
        shown = f"{place}: {self.message}"
        if self.text is None:
            return shown
        line = self.text.rstrip("\n").replace("\t", " ")
        caret = f"\n    {' ' * (self.column - 1)}^" if self.column else ""
        return f"{shown}\n    {line}{caret}"
