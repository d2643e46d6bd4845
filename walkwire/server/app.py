"""App: the rooms put together, from a configuration and a program. Each part registers its own undoing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from starlette.types import ASGIApp

from walkwire.account.auth import Auth
from walkwire.account.password import Passwords
from walkwire.account.reset import Resets
from walkwire.account.revocation import Revocation
from walkwire.account.secret import signing_secret
from walkwire.account.service import Services
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.account.webhook import Webhooks
from walkwire.brokers import open_broker
from walkwire.config import Config
from walkwire.errors import PublicError, RecordError, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.server.dispatch import Dispatch, is_response
from walkwire.server.http.api import make_api
from walkwire.server.http.health import Health
from walkwire.server.http.walkers.rest import Walkers
from walkwire.server.notifier import Notifier
from walkwire.server.scheduler import Schedule
from walkwire.store import Store, TaskRecord
from walkwire.stores import open_store
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.run.answer import Answers
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.tasks import Runner
from walkwire.walk.run.threads import Mailbox
from walkwire.walk.walker.fields import model_of
from walkwire.wire.delivery.overflow import Keeping
from walkwire.wire.door import Door
from walkwire.wire.hub import Hub
from walkwire.wire.limits import Limits
from walkwire.wire.policy import Policies

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """A program being served, without a port: `api` is its HTTP side, `door` what the gateway needs for its sockets."""

    api: ASGIApp
    door: Door
    users: Users
    auth: Auth
    health: Health
    runtime: Runtime
    runner: Runner
    registry: Registry


class Loaded(NamedTuple):
    """A program that was loaded: its classes, and the database that keeps what it did meanwhile."""

    registry: Registry
    store: Store


def load_program(config: Config, load: Callable[[], Registry]) -> Loaded:
    """Open the database, and let `load` run the program's module code in it, as the public user: one unit of work.

    To be called where no event loop runs. Raises StartError.
    """
    store = open_store(config.database, connections=config.database_pool, seconds=config.database_timeout)
    try:
        with unit_of_work(store, Registry(), PUBLIC_ROOT, is_loading=True):
            registry = load()
    except (PublicError, RecordError) as error:
        store.close()
        raise StartError(
            f"The program was loaded, but what it did to the graph could not be kept: {error}"
        ) from None
    except BaseException:
        store.close()
        raise
    return Loaded(registry, store)


@asynccontextmanager
async def open_app(
    config: Config,
    program: Loaded,
    *,
    title: str = "walkwire",
    page: Path | None = None,
    passwords: Passwords | None = None,
    patience: float | None = None,
) -> AsyncIterator[App]:
    """Serve a program, on the running event loop, until the block is left; its database is closed then. Raises StartError.

    `page` answers `GET /`. Walks still in flight at the end are given `patience` seconds, None: the configuration's.
    """
    async with AsyncExitStack() as stack:
        registry, store = program
        mailbox = Mailbox(asyncio.get_running_loop())
        news = asyncio.Event()  # there may be a new task
        try:
            hub = Hub(
                open_broker(config.broker), None, _policies(config), _limits(config), Keeping(config.keep)
            )
        except BaseException:
            store.close()
            raise
        runtime = Runtime(
            store,
            registry,
            mailbox,
            notify=Notifier(mailbox, hub),
            limits=RuntimeLimits(config.threads, config.walk_queue, config.walk_seconds),
            answers=Answers(config.show_endpoint_returns, is_response),
            users=store,
            on_tasks=news.set,
        )
        patience = config.stop_seconds if patience is None else patience
        stack.push_async_callback(_stop, runtime, store, patience)
        secret = signing_secret(config)
        revocation = Revocation(store, hub)
        stack.push_async_callback(revocation.stop)
        hub.on_revoked, hub.on_return = revocation.hear, revocation.recheck
        tokens = Tokens(secret)
        auth = Auth(tokens, revocation)
        passwords = passwords or Passwords()
        stack.callback(passwords.close)
        users = Users(store, passwords, tokens, revocation)
        stack.callback(users.close)
        resets = None
        if (send := getattr(registry.user, "send_reset_code", None)) is not None:
            resets = Resets(store, users, secret, send)
            stack.callback(resets.close)
        webhooks = Webhooks(store, secret)
        stack.callback(webhooks.close)
        await hub.start()
        stack.push_async_callback(hub.stop)
        services = Services(store)
        stack.callback(services.close)
        health = Health(hub)
        dispatch = Dispatch(runtime, registry)
        api = make_api(
            config,
            registry.walkers,
            dispatch.walk,
            users=users,
            auth=auth,
            webhooks=webhooks,
            resets=resets,
            profile=model_of(registry.user) if registry.user is not None else None,
            services=services,
            hub=hub,
            health=health,
            title=title,
            page=page,
            hand_over=lambda walkers: _take_in_more(registry, mailbox, dispatch, walkers),
        )
        schedule = Schedule(store, dispatch, registry.walkers)

        async def walk(task: TaskRecord, server: str) -> None:
            await dispatch.task(task, server, schedule.is_forgotten(task))

        at_once = max(1, config.threads // 2)
        runner = Runner(store, walk, at_once=at_once, is_forgotten=schedule.is_forgotten, news=news)
        runner.start()
        stack.push_async_callback(runner.stop, patience)
        schedule.start()
        stack.push_async_callback(schedule.stop)

        async def authenticate(token: str | None) -> str:
            return (await auth.authenticate(token)).root_id

        door = Door(hub, dispatch, authenticate, config.allows_origin, compresses=config.compression)
        yield App(api, door, users, auth, health, runtime, runner, registry)


def _take_in_more(registry: Registry, mailbox: Mailbox, dispatch: Dispatch, walkers: Walkers) -> None:
    """Serve the walkers, too, that the program makes while it is served."""

    def take(walker: type) -> None:
        try:
            dispatch.add(walker)
            walkers.add(walker.__name__, walker)
        except StartError as error:
            _log.error("A new walker cannot be served: %s", error)

    registry.on_walker = lambda walker: mailbox.post(take, walker)


async def _stop(runtime: Runtime, store: Store, seconds: float) -> None:
    # The thread of a walk that does not end may still be at the database: it is left open, and ends with the process.
    if await runtime.stop(seconds):
        store.close()


def _policies(config: Config) -> Policies:
    return Policies(
        config.policy_user,
        config.policy_channel,
        config.policy_client,
        config.policy_join,
        is_guarded=config.production,
    )


def _limits(config: Config) -> Limits:
    return Limits(
        frame=config.frame_limit,
        unsent=config.queue_bound,
        ping=config.ping_seconds,
        pong=config.pong_seconds,
    )
