"""`python -m bench.load`: read a task (`{"kind": …, "core": …, …}`), measure, print the figures; JSON both."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from bench.load.arrive import arrive, stay
from bench.load.ask import ask
from bench.load.besiege import besiege
from bench.load.churn import churn
from bench.load.fan_out import Stage, fan_out
from bench.load.hold import hold
from bench.load.http import post
from bench.load.pace import pace
from bench.load.recover import recover
from bench.load.resume import resume
from bench.load.stall import stall
from walkwire.load.address import Address

_KINDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "arrive": arrive,
    "ask": ask,
    "besiege": besiege,
    "churn": churn,
    "fan_out": fan_out,
    "hold": hold,
    "pace": pace,
    "post": post,
    "recover": recover,
    "resume": resume,
    "stall": stall,
    "stay": stay,
}


def main() -> None:
    """Read the task, do it."""
    task: dict[str, Any] = json.load(sys.stdin)
    os.sched_setaffinity(0, {task.pop("core")})
    _allow_many_sockets()
    kind = _KINDS[task.pop("kind")]
    if "address" in task:
        task["address"] = Address(**task["address"])
    if "stages" in task:
        task["stages"] = [Stage(**stage) for stage in task["stages"]]
    gc.disable()  # a pause of the client is not one of the server
    print(json.dumps(uvloop.run(_do(kind, task))))


async def _do(kind: Callable[..., Awaitable[Any]], task: dict[str, Any]) -> Any:
    asyncio.get_running_loop().set_exception_handler(_give_up)
    return await kind(**task)


def _give_up(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A fault in a callback would be told to nobody, and the measurement would be of something else."""
    print(repr(context.get("exception") or context["message"]), file=sys.stderr, flush=True)
    os._exit(1)


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
