"""Answers: the bodies of answers over REST, as OpenAPI describes them, and what REST asks of whatever runs a walker."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from pydantic import BaseModel, Field


class Answer(Protocol):
    """The answer of a walk: status and body, or a response that replaces both."""

    @property
    def status(self) -> int:
        """Return the HTTP status."""

    @property
    def body(self) -> bytes:
        """Return the body, JSON."""

    @property
    def response(self) -> Any:
        """Return the program's own response, or None."""


class RunWalker(Protocol):
    """Run a walker and return its answer. Raises PublicError; Refused if the walker may not enter at the node.

    - values: values of the walker's fields, by name
    - root_id: the root of the user who runs it
    - node: a reference to the node to enter at; None: the root itself
    - kinds: names of the node classes at which the walker may enter, `root` among them; None: all
    - key: calls of the user with the same key are done once; None: there is no key
    """

    def __call__(
        self,
        walker: type,
        values: dict[str, Any],
        root_id: str,
        node: str | None,
        kinds: frozenset[str] | None = None,
        key: str | None = None,
    ) -> Coroutine[Any, Any, Answer]: ...


# FastAPI shows the docstrings of these models to those who read the API's description.


class WalkerAnswer(BaseModel):
    """What a walker answers."""

    status: int = 200
    reports: list[Any] = Field(description="What the walker reported, in order.")


class WalkerAnswerWithReturns(WalkerAnswer):
    """What a walker answers, where what its abilities returned is to be shown."""

    returns: list[Any] = Field(description="What each of its abilities returned, in order.")


class WalkerId(BaseModel):
    """What a walker answers that walks by itself afterwards."""

    walker_id: str


class Message(BaseModel):
    """What became of it."""

    message: str


class Detail(BaseModel):
    """Why the request was not taken."""

    detail: str


class Reason(BaseModel):
    """A sentence for people."""

    error: str


class Refusal(BaseModel):
    """Why the walk did not happen."""

    detail: Reason


class Fault(BaseModel):
    """A fault of the program or the server, with a reference into its log."""

    errors: list[str]
