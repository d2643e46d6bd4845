"""Error: the one class of error that calls of the client fail with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walkwire.errors import WalkwireError


class ClientError(WalkwireError):
    """Why a call failed, or why the client is closed.

    - code: one of the server (`docs/protocol.md`, "Error codes", and those of the program), or one of the client:
      `offline`, `in_doubt`, `user_changed`, `closed`, `taken_over`, `protocol`, `too_slow` (`docs/clients.md`)
    - message: a sentence for people
    - retry_in: milliseconds after which a retry may succeed, if the server named them
    """

    def __init__(self, code: str, message: str, retry_in: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_in = retry_in

    def copy(self) -> ClientError:
        """Return an equal error. One that is raised again and again would collect tracebacks."""
        return ClientError(self.code, self.message, self.retry_in)


def error_of(reply: Mapping[str, Any]) -> ClientError:
    """Return the error in a reply that is not ok."""
    error = reply["error"]
    return ClientError(error["code"], error["message"], error.get("retry_in"))
