"""Dispatch: runs the walkers that events, REST and tasks ask for, after checking that the caller may run them."""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from walkwire.dialect.traverse import traverse
from walkwire.errors import BadEvent, NotPrintable, PublicError, Refused, Unauthenticated, UnknownWalker
from walkwire.ids import PUBLIC_ROOT, SYSTEM_ROOT
from walkwire.server.http.walkers.request import event_model_of
from walkwire.server.keyed import call_of, is_quick
from walkwire.server.payer import address_of_request
from walkwire.server.upload import check_size, keep_uploads
from walkwire.store import KeyedCall, TaskRecord
from walkwire.walk.graph.habit import Habit
from walkwire.walk.mistake import where_of
from walkwire.walk.registry import Registry
from walkwire.walk.run.answer import WalkAnswer
from walkwire.walk.run.request import Entry, Later, RunOptions, TaskRun, WalkRequest
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.walker.fields import holds_files, model_of, values_of
from walkwire.walk.walker.report import encode
from walkwire.walk.walker.specs import Specs, specs_of
from walkwire.wire.door import AddressOf, Call, own_address
from walkwire.wire.message.aside import aside
from walkwire.wire.message.bounds import LONG
from walkwire.wire.message.lenient import problems_of

_PLAIN = (str, int, float, bool, type(None), bytes)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Served:
    """A walker that is served, with what each request for it needs of its specs.

    - needs_user: only users may run it, not the public
    - entry_type: `NODE`, `ROOT` or `BOTH`: where requests may enter
    - has_files: it takes uploaded files
    - mode: `Later` for an `async walker`
    - specs: say which fields callers may set
    - model: checks the values of an event; made by the first event, as not every walker's fields can come in one
    """

    walker: type
    options: RunOptions
    needs_user: bool
    entry_type: str
    has_files: bool
    mode: Later | None
    specs: Specs
    model: type[BaseModel] | None = None


class Dispatch:
    """Runs walkers: `__call__` for the socket, `walk` for REST, `happen` for occasions, `order` and `task` for tasks."""

    def __init__(self, runtime: Runtime, registry: Registry, address_of: AddressOf = own_address) -> None:
        self._runtime = runtime
        self._address_of = address_of
        self._registry = registry
        keep_uploads()
        self._served: dict[type, _Served] = {}
        self._on_socket: dict[str, _Served] = {}
        self._told: set[type] = set()  # walkers of which the log says why no event may call them
        for walker in (traverse, *registry.walkers.values()):
            self.add(walker)

    def add(self, walker: type) -> None:
        """Serve a walker. Raises StartError for wrong specs."""
        specs = specs_of(walker)
        served = self._served[walker] = _Served(
            walker,
            RunOptions(specs.rerun, specs.status_code or 200, specs.seconds, Habit()),
            specs.auth,
            specs.entry_type,
            holds_files(walker, UploadFile),
            Later() if getattr(walker, "__jac_async__", False) else None,
            specs,
        )
        self._on_socket.pop(walker.__name__, None)
        if "websocket" in specs.methods and not specs.private:
            if specs.excluded:
                served.model = event_model_of(walker, specs)
            self._on_socket[walker.__name__] = served

    async def __call__(self, call: Call) -> bytes:
        """Run the walker that an event names, and return the body of the answer, JSON. Raises PublicError."""
        served = self._on_socket.get(call.walker)
        if served is None or served.entry_type == ("NODE" if call.node is None else "ROOT"):
            self._tell_why_not(call)
            raise UnknownWalker
        if served.needs_user and call.root_id == PUBLIC_ROOT:
            raise Unauthenticated(call.walker)
        if served.has_files:
            raise Refused(f"Walker {call.walker} takes a file, which only REST can bring!")
        if served.model is None:
            served.model = event_model_of(served.walker, served.specs)
        if len(call.context) <= LONG:
            context = _Context(served.model, call.context)
        else:
            context = await aside(_Context, served.model, call.context)
        root_id = call.root_id if served.needs_user else PUBLIC_ROOT
        entry = Entry(call.node)
        request = WalkRequest(
            served.walker,
            context,
            root_id,
            entry,
            served.options,
            call.client.id,
            served.mode,
            "" if served.needs_user else call.client.address,
            await _keyed(call.key, served.walker, root_id, entry, context.given) if call.key else None,
        )
        try:
            return _body_for_a_socket(await self._run(request))
        except HTTPException as error:
            raise _as_public_error(error) from None

    def _tell_why_not(self, call: Call) -> None:
        """Log, once for each walker, why the walker that an event names is not served to it. The client does not learn it."""
        walker = self._registry.walkers.get(call.walker)
        served = None if walker is None else self._served.get(walker)
        if served is None or served.specs.private or served.walker in self._told:
            return
        self._told.add(served.walker)
        what = f"Walker {call.walker} ({where_of(served.walker)}) was called over the socket"
        if "websocket" not in served.specs.methods:
            methods = [*sorted(served.specs.methods), "websocket"]
            _log.warning("%s, which its specs do not allow: write `methods = %s`", what, methods)
        else:
            place = "at a node" if served.entry_type == "ROOT" else "without a node"
            _log.warning("%s %s, and its specs say `entry_type = %r`", what, place, served.entry_type)

    async def walk(
        self,
        walker: type,
        values: dict[str, Any],
        root_id: str,
        node: str | None,
        kinds: frozenset[str] | None = None,
        key: str | None = None,
    ) -> WalkAnswer:
        """Run a walker for REST, which has checked the caller and the values. Raises PublicError.

        - kinds: names of the classes at which it may enter; Refused is raised at others
        - key: calls of this root with the same key are done once. Quotes around it, which RFC 8941 asks for, do not count
        """
        served = self._served[walker]
        if served.has_files and served.mode is not None:
            check_size(values.values())
        root_id = root_id if served.needs_user else PUBLIC_ROOT
        payer = address_of_request(self._address_of) if root_id == PUBLIC_ROOT else ""
        entry = Entry(node, kinds)
        return await self._run(
            WalkRequest(
                walker,
                _Given(values),
                root_id,
                entry,
                served.options,
                None,
                served.mode,
                payer,
                await _keyed(key.strip('"'), walker, root_id, entry, values) if key else None,
            )
        )

    async def happen(
        self, walker: type, context: bytes, root_id: str, client_id: str | None, payer: str
    ) -> None:
        """Run a walker by its `on`, with the fields of a JSON object. Raises PublicError."""
        served = self._served[walker]
        fields = _Context(model_of(walker), context)
        options, mode = served.options, served.mode
        request = WalkRequest(walker, fields, root_id, Entry(), options, client_id, mode, payer)
        try:
            await self._run(request)
        except HTTPException as error:
            raise _as_public_error(error) from None

    async def order(self, walker: type, values: dict[str, Any], node: str | None, id: str) -> None:
        """Store a task of the system's root, by a walker with this id. Raises PublicError."""
        await self._runtime.run(WalkRequest(walker, _Given(values), SYSTEM_ROOT, Entry(node), mode=Later(id)))

    async def task(self, task: TaskRecord, server: str, is_forgotten: bool = False) -> None:
        """Run a stored task. Raises what the walk raised, PublicError, TaskTaken."""
        walker = self._registry.walkers.get(task.walker)
        if walker is None:
            raise PublicError("unknown_walker", f"The program has no walker {task.walker} any more.")
        options = self._served[walker].options
        mode = TaskRun(task.id, server, is_forgotten)
        try:
            await self._run(WalkRequest(walker, dict, task.root_id, Entry(task.node), options, None, mode))
        except HTTPException as error:
            raise _as_public_error(error) from None

    async def _run(self, request: WalkRequest) -> WalkAnswer:
        try:
            return await self._runtime.run(request)
        except NotPrintable as error:  # the caller gets the sentence only
            if error.origin is None:
                _log.error("Walker %s: %s", request.walker.__name__, error.message, exc_info=error)
            else:
                _log.error("Walker %s, %s: %s", request.walker.__name__, error.origin, error.message)
            raise


async def _keyed(key: str, walker: type, root_id: str, entry: Entry, values: dict[str, Any]) -> KeyedCall:
    """Return the record of a call with a key. Raises BadEvent for a key that cannot be used."""
    if is_quick(values, LONG):
        return call_of(key, walker.__name__, root_id, entry, values)
    return await aside(call_of, key, walker.__name__, root_id, entry, values)


def is_response(value: Any) -> bool:
    """Whether a value that a walker reported or returned is a whole HTTP response, to be sent as it is."""
    return isinstance(value, Response)


class _Context:
    """A walker's fields from an event: validated at once, and again for each retry, so that each attempt has its own values."""

    def __init__(self, model: type[BaseModel], context: bytes) -> None:
        self._model = model
        self._context = context
        self._set: set[str] = set()  # names of the model's fields
        self._first: dict[str, Any] | None = self._validate()

    @property
    def given(self) -> dict[str, Any]:
        """Return the values of the fields that the event has. Call it before the walk."""
        fields, first = self._model.model_fields, self._first or {}
        names = [fields[name].alias or name for name in self._set]
        return {name: first[name] for name in names}

    def __call__(self) -> dict[str, Any]:
        first, self._first = self._first, None
        return self._validate() if first is None else first

    def _validate(self) -> dict[str, Any]:
        try:
            model = self._model.model_validate_json(self._context)
            self._set = model.model_fields_set
            return values_of(model)
        except ValidationError as error:
            details = problems_of(error, len(self._context))
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
    """A walker's fields from a request: mutable values are copied for each attempt, an uploaded file is rewound."""

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


def _as_public_error(error: HTTPException) -> PublicError:
    """Return what a client of the socket gets when a program raises HTTPException, which FastAPI answers over REST."""
    sentence = error.detail if isinstance(error.detail, str) else encode(error.detail).decode()
    return PublicError("refused", sentence, status=error.status_code)


def _body_for_a_socket(answer: WalkAnswer) -> bytes:
    """Return the body for the socket. Of a response made for HTTP: its JSON, or its text as a JSON string."""
    response = answer.response
    if response is None:
        return answer.body
    body = bytes(getattr(response, "body", b""))  # a streamed response has no body here
    return body if "json" in (response.media_type or "") else encode(body.decode(errors="replace"))
