"""Dispatch: where an event becomes a deed. The wire and REST come in here, walks run, and what these tell goes to the hub."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from walkwire.dialect.traverse import traverse
from walkwire.errors import BadEvent, NotPrintable, PublicError, Refused, Unauthenticated, UnknownWalker
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.server.upload import check_size, keep_uploads
from walkwire.store import TaskRecord
from walkwire.walk.context import Audience
from walkwire.walk.registry import Registry
from walkwire.walk.run.runtime import Answer, Order, Runtime
from walkwire.walk.walker.fields import holds_files, model_of, values_of
from walkwire.walk.walker.report import encode
from walkwire.walk.walker.specs import Specs, specs_of
from walkwire.wire.door import Call
from walkwire.wire.hub import Hub
from walkwire.wire.message.lenient import problems_of
from walkwire.wire.message.notification import Notification

_PLAIN = (str, int, float, bool, type(None), bytes)

_log = logging.getLogger(__name__)


class Dispatch:
    """Runs walkers for those who may. `__call__` is the socket's way in, `walk` that of REST; both end in one `run`."""

    def __init__(self, runtime: Runtime, registry: Registry, hub: Hub) -> None:
        self._runtime = runtime
        self._registry = registry
        self._hub = hub
        keep_uploads()
        self._specs: dict[type, Specs] = {}
        self._with_files: set[type] = set()
        self._on_socket: dict[str, type] = {}
        for walker in (traverse, *registry.walkers.values()):
            self.add(walker)

    def add(self, walker: type) -> None:
        """Take in a walker. Raises StartError where its specs are wrong."""
        specs = self._specs[walker] = specs_of(walker)
        if holds_files(walker, UploadFile):
            self._with_files.add(walker)
        self._on_socket.pop(walker.__name__, None)
        if "websocket" in specs.methods and not specs.private:
            self._on_socket[walker.__name__] = walker

    async def __call__(self, call: Call) -> bytes:
        """Answer a walker event with the body of the answer. Raises PublicError."""
        walker = self._on_socket.get(call.walker)
        if walker is None:
            raise UnknownWalker
        specs = self._specs[walker]
        if specs.entry_type == ("NODE" if call.node is None else "ROOT"):
            raise UnknownWalker
        if specs.auth and call.root_id == PUBLIC_ROOT:
            raise Unauthenticated(call.walker)
        if walker in self._with_files:
            raise Refused(f"Walker {call.walker} takes a file, which only REST can bring!")
        values = _Context(model_of(walker), call.context)
        with _told_without_http():
            answer = await self._run(walker, values, call.root_id, node=call.node, client_id=call.client.id)
        return _body_for_a_socket(answer)

    async def walk(
        self,
        walker: type,
        values: dict[str, Any],
        root_id: str,
        node: str | None,
        kinds: frozenset[str] | None = None,
    ) -> Answer:
        """Run a walker for REST, whose routes have checked who calls and with what. Raises PublicError.

        `kinds` are the classes at which it may enter; Refused is raised at another.
        """
        if walker in self._with_files and getattr(walker, "__jac_async__", False):
            check_size(values.values())
        return await self._run(walker, _Given(values), root_id, node=node, client_id=None, kinds=kinds)

    async def order(self, walker: type, values: dict[str, Any], node: str | None, id: str) -> None:
        """Order a walk as the system's root, by a walker with this id. Raises PublicError."""
        order = Order(walker, _Given(values), SYSTEM_ROOT, self._tell, node, is_later=True, id=id)
        await self._runtime.run(order)

    async def task(self, task: TaskRecord, server: str, is_forgotten: bool = False) -> None:
        """Do a walk that was ordered for later. Raises what the walk raised, PublicError, TaskTaken."""
        walker = self._registry.walkers.get(task.walker)
        if walker is None:
            raise PublicError("unknown_walker", f"The program has no walker {task.walker} any more.")
        specs = self._specs[walker]
        order = Order(
            walker,
            dict,
            task.root_id,
            self._tell,
            task.node,
            may_rerun=specs.rerun,
            status=specs.status_code or 200,
            task=(task.id, server),
            is_forgotten=is_forgotten,
        )
        with _told_without_http(), _logged_if_unprintable(walker):
            await self._runtime.run(order)

    async def _run(
        self,
        walker: type,
        values: Callable[[], dict[str, Any]],
        root_id: str,
        *,
        node: str | None,
        client_id: str | None,
        kinds: frozenset[str] | None = None,
    ) -> Answer:
        specs = self._specs[walker]
        order = Order(
            walker,
            values,
            root_id if specs.auth else PUBLIC_ROOT,
            self._tell,
            node,
            client_id,
            may_rerun=specs.rerun,
            status=specs.status_code or 200,
            is_later=getattr(walker, "__jac_async__", False),
            kinds=kinds,
            seconds=specs.seconds,
        )
        with _logged_if_unprintable(walker):
            return await self._runtime.run(order)

    def _tell(self, audience: Audience, data: bytes) -> None:
        """Called in the thread of a walk: the mailbox keeps the order, this walk's and that of the commits."""
        self._runtime.mailbox.post(self._tell_hub, audience, data)

    def _tell_hub(self, audience: Audience, data: bytes) -> None:
        match audience.kind:
            case "users" | "channels" | "clients":
                self._hub.notify(Notification(audience.kind, audience.targets, data, audience.keep))
            case "join":
                self._hub.join(*audience.targets)
            case "leave":
                self._hub.leave(*audience.targets)


def is_response(value: Any) -> bool:
    """Whether what a walker reported or returned is a whole HTTP response, to be sent as it is."""
    return isinstance(value, Response)


class _Context:
    """A walker's fields from an event: read once to say what is wrong with them, and again for each further run."""

    def __init__(self, model: type[BaseModel], context: bytes) -> None:
        self._model = model
        self._context = context
        self._first: dict[str, Any] | None = self._read()

    def __call__(self) -> dict[str, Any]:
        first, self._first = self._first, None
        return self._read() if first is None else first

    def _read(self) -> dict[str, Any]:
        try:
            return values_of(self._model.model_validate_json(self._context))
        except ValidationError as error:
            details = problems_of(error)
            for detail in details:
                if "ctx" in detail:  # may hold the exception itself
                    detail["ctx"] = {
                        key: str(value) if isinstance(value, Exception) else value
                        for key, value in detail["ctx"].items()
                    }
            first = details[0]
            field = ".".join(str(part) for part in first["loc"])
            raise BadEvent(f"{field}: {first['msg']}" if field else first["msg"], details) from None


class _Given:
    """A walker's fields from a request: what can be changed is copied for each run, an uploaded file is rewound."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __call__(self) -> dict[str, Any]:
        return {name: self._fresh(value) for name, value in self._values.items()}

    def _fresh(self, value: Any) -> Any:
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, UploadFile):
            value.file.seek(0)
            return value
        if isinstance(value, list):
            return [self._fresh(one) for one in value]
        return copy.deepcopy(value)


@contextmanager
def _told_without_http() -> Iterator[None]:
    """A program that raises HTTPException, which FastAPI answers over REST, has a sentence for its client elsewhere too."""
    try:
        yield
    except HTTPException as error:
        sentence = error.detail if isinstance(error.detail, str) else encode(error.detail).decode()
        raise PublicError("refused", sentence, status=error.status_code) from None


@contextmanager
def _logged_if_unprintable(walker: type) -> Iterator[None]:
    """Log the walker and the traceback of a report that cannot be written: its caller gets the sentence only."""
    try:
        yield
    except NotPrintable as error:
        _log.error("Walker %s: %s", walker.__name__, error.message, exc_info=error)
        raise


def _body_for_a_socket(answer: Answer) -> bytes:
    """A response that a program made for HTTP: its JSON, or, as text is no JSON, the text as a string."""
    response = answer.response
    if response is None:
        return answer.body
    body = bytes(getattr(response, "body", b""))  # a streamed one has none to show here
    return body if "json" in (response.media_type or "") else encode(body.decode(errors="replace"))
