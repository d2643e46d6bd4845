"""Errors: all errors of walkwire, as one tree. A client receives the code and the sentence of a PublicError, and nothing else.

WalkwireError
├── PublicError                 sent to clients: code, sentence, HTTP status
│   ├── UnknownWalker           unknown_walker   404
│   ├── Unauthenticated         unauthenticated  403
│   ├── NoAccess                no_access        403
│   ├── BadReference            bad_reference    400
│   ├── Conflict                conflict         409
│   ├── Busy                    busy             503
│   │   └── Unreached           busy             503   (delivered on this server only)
│   ├── CommitInDoubt           in_doubt         504   (the outcome of the commit is unknown)
│   ├── KeyReused               key_reused       422   (the key of a call was used for another request)
│   ├── KeySpent                key_spent        409   (the call with this key was done, and its answer was not kept)
│   ├── Refused                 refused          403
│   ├── Limited                 limited          429
│   ├── TooLarge                too_large        413   (a request beyond a limit of size; 400: an answer)
│   ├── TimedOut                timeout          504
│   ├── NotPrintable            unprintable      500   (a report or a notification without a JSON form)
│   ├── Internal                internal         500   (its sentence is a reference into the log)
│   └── BadEvent                bad_event        400   (an event, or a walker's fields, of the wrong shape; 422 with details)
├── RecordError                 a stored record does not fit its class: for the log, never for a client
└── StartError                  for the operator: one sentence, exit code 2
    └── ProgramError            a program that cannot be read: file, line, column, the line
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any, ClassVar


class WalkwireError(Exception):
    """Base class of all errors of walkwire."""


class PublicError(WalkwireError):
    """An error whose code and sentence are sent to the client: `raise PublicError("sold_out", "No tickets left")`.

    - code: a short word for programs
    - message: a sentence for people
    - status: the HTTP status over REST, 400 to 599; any other value is answered as 400
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class UnknownWalker(PublicError):
    """There is no such walker, or it may not be called in this way. The sentence is Jac Cloud's."""

    def __init__(self) -> None:
        super().__init__("unknown_walker", "Invalid request! Please use valid walker event!", 404)


class Unauthenticated(PublicError):
    """The public user called a walker that requires a signed-in user. The sentence is Jac Cloud's."""

    def __init__(self, name: str) -> None:
        super().__init__("unauthenticated", f"Event {name} requires to be authenticated!", 403)


class NoAccess(PublicError):
    """The node is absent, or the caller lacks the right for this operation. The error does not distinguish the two."""

    def __init__(self, reference: str, message: str | None = None) -> None:
        super().__init__("no_access", message or f"You don't have access on target entry {reference}!", 403)


class BadReference(PublicError):
    """The reference is neither `<kind>:<Class>:<24 hex digits>` nor the bare digits."""

    def __init__(self, reference: object) -> None:
        super().__init__("bad_reference", f"Not a valid reference: {str(reference)[:80]!r}", 400)


class Conflict(PublicError):
    """Other walks kept changing what this walk read, and it has used all of its retries."""

    def __init__(
        self, message: str = "Others changed the same data at the same time. Please try again!"
    ) -> None:
        super().__init__("conflict", message, 409)


class Busy(PublicError):
    """The queue of walks, or the database, cannot take more at the moment."""

    def __init__(self, message: str = "The server is busy. Please try again!") -> None:
        super().__init__("busy", message, 503)


class Unreached(Busy):
    """The broker is unreachable. The message was delivered to receivers on this server only."""

    def __init__(self) -> None:
        super().__init__("Only those on this server were told: the others cannot be reached at the moment.")


class CommitInDoubt(PublicError):
    """The connection to the database broke during a commit, and the database cannot be asked whether it was made."""

    def __init__(self) -> None:
        super().__init__(
            "in_doubt",
            "The database went away before it said whether this was done: it was done, or nothing was. Please look before "
            "you try again!",
            504,
        )


class KeyReused(PublicError):
    """The key of a call was used for another request before."""

    def __init__(self) -> None:
        super().__init__(
            "key_reused",
            "This key belongs to another request: another walker, node or context. Use a new key for each request!",
            422,
        )


class KeySpent(PublicError):
    """The call with this key was done before, in whole or in part, and its answer was not kept. It is not done again.

    `is_whole`: the walk was done; else it has committed a part, and then failed.
    """

    def __init__(self, is_whole: bool) -> None:
        done = "did this, and its answer was not kept" if is_whole else "did a part of this, and then failed"
        super().__init__(
            "key_spent",
            f"An earlier call with this key {done}. It is not done again. Please look before you use a new key!",
            409,
        )


class Refused(PublicError):
    """A policy does not allow this for the caller."""

    def __init__(self, message: str) -> None:
        super().__init__("refused", message, 403)


class Limited(PublicError):
    """A limit of a connection, user or address was exceeded.

    `retry_in`: milliseconds after which a retry may succeed; None: it would fail again.
    """

    def __init__(self, message: str, retry_in: int | None = None) -> None:
        super().__init__("limited", message, 429)
        self.retry_in = retry_in


class TooLarge(PublicError):
    """A request, or the answer to it, exceeds a limit of size. The status of an answer that is too large is 400."""

    def __init__(self, message: str, status: int = 413) -> None:
        super().__init__("too_large", message, status)


class TimedOut(PublicError):
    """The walk took longer than allowed. Nothing of it was committed, except by `commit()` before."""

    def __init__(self, message: str = "The walk took too long.") -> None:
        super().__init__("timeout", message, 504)


class NotPrintable(PublicError):
    """A reported or notified value has no JSON form. The sentence names its type, never the value.

    `origin`: the program's line that reported it, `file:line`, for the log; None: it is not known.
    """

    def __init__(self, message: str) -> None:
        super().__init__("unprintable", message, 500)
        self.origin: str | None = None


class Internal(PublicError):
    """A fault of the program or of walkwire. The client gets `reference`, 8 hex digits; the log has the traceback beside it.

    - describe: makes a sentence of a fault for the client as well; None but under `walkwire dev`
    - shown: that sentence; None: the client gets none
    """

    describe: ClassVar[Callable[[BaseException], str] | None] = None

    def __init__(self, fault: BaseException | None = None) -> None:
        self.reference = secrets.token_hex(4)
        describe = type(self).describe
        self.shown = None if describe is None or fault is None else describe(fault)
        super().__init__("internal", f"Internal error, reference {self.reference}", 500)


class BadEvent(PublicError):
    """An event, or a walker's fields, have the wrong shape.

    `details` is a list in pydantic's form (`type`, `loc`, `msg`, `input`; no urls); None if there is only a sentence.
    """

    def __init__(self, message: str, details: Sequence[dict[str, Any]] | None = None) -> None:
        super().__init__("bad_event", message, 400)
        self.details = details


class RecordError(WalkwireError):
    """A stored record does not fit its class, or a value cannot be stored. Names the record and the field."""

    def __init__(self, reference: str, field: str | None, message: str) -> None:
        where = f"{reference}, field {field!r}" if field else reference
        super().__init__(f"{where}: {message}")
        self.reference = reference
        self.field = field


class StartError(WalkwireError):
    """The reason why walkwire cannot start, in one sentence. The command line prints it and exits with 2."""


class ProgramError(StartError):
    """A program that cannot be read.

    - path: as given by the user
    - line, column: from 1; None if unknown
    - text: the line itself
    - message: what is wrong and, if known, what to write instead
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
