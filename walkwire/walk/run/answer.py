"""Answer: turns what a run reported and returned into the body of an answer, or into the end of a task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from walkwire.errors import KeySpent, NotPrintable, TooLarge
from walkwire.store import KeyedCall, TaskEnd
from walkwire.walk.current import AnswerState
from walkwire.walk.mistake import line_of, place_of
from walkwire.walk.run.request import TaskRun
from walkwire.walk.walker import report

KEPT_BYTES = 64 * 1024  # of an answer; a longer one is not kept for further calls with the same key


class WalkAnswer(NamedTuple):
    """The answer to a request.

    - status: HTTP status
    - body: JSON
    - response: a whole response that the program made, to send in place of status and body; None: it made none
    """

    status: int
    body: bytes
    response: Any = None


class Answers(NamedTuple):
    """How answers are made.

    - with_returns: whether they include what the abilities returned
    - is_response: tells whether a value is a whole response, to be sent as it is
    - pack: returns a whole response as text, from which `unpack` makes an equal one; None: it can be sent once only
    - limit: bytes of a body, for a program that means to send more answers with a response of its own
    """

    with_returns: bool = False
    is_response: Callable[[Any], bool] = lambda value: False
    limit: int = 16 * 1024 * 1024
    pack: Callable[[Any], str | None] = lambda response: None
    unpack: Callable[[str], Any] = lambda text: None

    def answer_of(self, state: AnswerState) -> WalkAnswer:
        """Return the answer of a run. Raises NotPrintable for a value that JSON cannot express, TooLarge beyond the limit."""
        for value in (state.custom, *state.reports, *state.returns):
            if value is not None and self.is_response(value):
                return WalkAnswer(state.status, b"", value)
        try:
            if state.custom is not None:
                body = report.encode_body(state.custom)
            else:
                returns = state.returns if self.with_returns else None
                body = report.answer(state.status, state.reports, returns)
        except NotPrintable as error:
            error.origin = _origin(state)
            raise
        if len(body) > self.limit:
            raise TooLarge(f"The answer has more than {self.limit} bytes. Please ask for less!", 400)
        return WalkAnswer(state.status, body)

    def kept(self, call: KeyedCall, answer: WalkAnswer) -> KeyedCall:
        """Return the record of a call that `answer` ends. Its body is None if the answer cannot be kept."""
        if answer.response is None:
            body: str | None = answer.body.decode()
        else:
            body = self.pack(answer.response)
        if body is not None and len(body) > KEPT_BYTES:
            body = None
        return call._replace(status=answer.status or 1, body=body, is_response=answer.response is not None)

    def again(self, call: KeyedCall) -> WalkAnswer:
        """Return the answer of a stored call. Raises KeySpent if it was not kept, or if the walk failed after a commit."""
        if call.body is None:
            raise KeySpent(is_whole=call.status != 0)
        if call.is_response:
            return WalkAnswer(call.status, b"", self.unpack(call.body))
        return WalkAnswer(call.status, call.body.encode())


def _origin(state: AnswerState) -> str | None:
    """Return the program's line that reported the first value without a JSON form. None: it is another value."""
    for index, (code, instruction) in state.origins.items():
        try:
            report.encode_reports([state.reports[index]])
        except NotPrintable:
            return place_of(code, line_of(code, instruction))
    return None


def task_end(task: TaskRun, state: AnswerState, answer: WalkAnswer) -> TaskEnd:
    """Return the stored outcome of a task that was completed with `answer`."""
    is_custom = state.custom is not None or answer.response is not None
    custom = (answer.body or b"null").decode() if is_custom else None
    printed = [one for one in state.reports if one is None or one is not answer.response]
    reports = report.encode_reports(printed).decode()
    return TaskEnd(task.id, task.server, "COMPLETED", state.status, reports, custom)
