"""Info: what presence lists show of a user, as a program marks it with `presence_info`."""

from __future__ import annotations

import json
import logging
from functools import partial
from typing import Any

from walkwire.errors import StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.walk.authorize import ChannelCaller
from walkwire.walk.registry import family_of
from walkwire.walk.run.request import RunOptions, WalkRequest
from walkwire.walk.run.runtime import Runtime
from walkwire.walk.walker.fields import model_of
from walkwire.walk.walker.report import encode
from walkwire.walk.walker.specs import specs_of
from walkwire.wire.door import Describe
from walkwire.wire.sessions.events import INFO_BYTES

_log = logging.getLogger(__name__)


def make_describe(maker: Any, runtime: Runtime) -> Describe | None:
    """Return what makes the info of users, None if the program has nothing that does. Raises StartError for what cannot."""
    if maker is None:
        return None
    if not isinstance(maker, type):
        return partial(_describe, partial(_ask_function, maker, runtime))
    if family_of(maker) != "walker":
        raise StartError(f"presence_info marks a function or a walker, not {maker!r}")
    specs = specs_of(maker)
    fields = {field.alias or name for name, field in model_of(maker).model_fields.items()}
    options = RunOptions(specs.rerun, 200, specs.seconds)
    return partial(_describe, partial(_ask_walker, maker, runtime, options, "info" in fields))


async def _describe(ask: Any, root_id: str, address: str, info: bytes) -> bytes:
    try:
        made = await ask(root_id, address, json.loads(info or b"{}"))
        if made is None or made == {}:
            return b""
        if not isinstance(made, dict):
            raise TypeError(f"presence_info gives a dictionary, not {made!r}")
        encoded = encode(made)
        if len(encoded) > INFO_BYTES:
            raise ValueError(f"presence_info gives {INFO_BYTES:,} bytes at most, not {len(encoded):,}")
    except Exception:
        _log.exception("Presence lists show nothing of user %s", root_id)
        return b""
    return encoded


async def _ask_function(
    maker: Any, runtime: Runtime, root_id: str, address: str, info: dict[str, Any]
) -> Any:
    caller = ChannelCaller(root_id, root_id != PUBLIC_ROOT)
    return await runtime.call(maker, caller, info, payer=_payer(root_id, address) or root_id)


async def _ask_walker(
    walker: type,
    runtime: Runtime,
    options: RunOptions,
    takes_info: bool,
    root_id: str,
    address: str,
    info: dict[str, Any],
) -> Any:
    values = {"info": info} if takes_info else {}
    payer = _payer(root_id, address)
    answer = await runtime.run(WalkRequest(walker, values.copy, root_id, options=options, payer=payer))
    body = json.loads(answer.body or b"null")
    reports: list[Any] = body.get("reports", []) if isinstance(body, dict) else []
    return reports[-1] if reports else None


def _payer(root_id: str, address: str) -> str:
    return address if root_id == PUBLIC_ROOT else ""
