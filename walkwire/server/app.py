"""App: makes all parts of a server from a configuration and a program, in order, and closes them in reverse order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from starlette.types import ASGIApp

from walkwire.account.accounts import Accounts, open_accounts
from walkwire.account.password import Passwords
from walkwire.account.secret import signing_secret
from walkwire.account.signing.keys import open_keys
from walkwire.addresses import Addresses
from walkwire.config import Config
from walkwire.errors import PublicError, RecordError, StartError
from walkwire.ids import PUBLIC_ROOT
from walkwire.mail.letter import Letterhead, sender_of
from walkwire.mail.smtp import Mailer, mail_server, open_mailer
from walkwire.server.browser.cookie import Cookies
from walkwire.server.browser.hosts import hosts_of
from walkwire.server.browser.upgrade import Upgrades
from walkwire.server.channels.deciders import make_rules
from walkwire.server.channels.info import make_describe
from walkwire.server.channels.rights import GraphRights
from walkwire.server.channels.tokens import ChannelTokens
from walkwire.server.console.console import ConsoleParts
from walkwire.server.console.opening import open_console
from walkwire.server.dispatch import Dispatch, is_response
from walkwire.server.happenings import Happenings
from walkwire.server.http.api import Operations, make_api
from walkwire.server.http.files.serve import Files
from walkwire.server.http.files.site import Site
from walkwire.server.http.health import Health
from walkwire.server.http.pages.asyncapi import describe_socket
from walkwire.server.http.walkers.rest import Walkers
from walkwire.server.keyed import pack_response, unpack_response
from walkwire.server.metering import Meters, open_meters
from walkwire.server.notifier import Notifier
from walkwire.server.outside import open_outside
from walkwire.server.payer import note_request
from walkwire.server.readings import readings_of
from walkwire.server.scheduler import Scheduler
from walkwire.server.settings import account_limits_of, levels_of
from walkwire.server.streams.durable import DurableEntries, DurableWriter
from walkwire.server.streams.sessions import SignedSessions
from walkwire.server.wiring import make_door, make_wire
from walkwire.store import Asking, Store, TaskRecord
from walkwire.stores import kind_of, open_store
from walkwire.walk.access import Level
from walkwire.walk.registry import Registry
from walkwire.walk.run.alone import unit_of_work
from walkwire.walk.run.answer import Answers
from walkwire.walk.run.runtime import Runtime, RuntimeLimits
from walkwire.walk.run.tasks import Runner
from walkwire.walk.run.threads import Mailbox
from walkwire.walk.walker.fields import model_of
from walkwire.wire.door import Door
from walkwire.wire.wire import Wire

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class App:
    """A program that is served, without a port.

    - api: the HTTP application
    - door: what the gateway gives each WebSocket connection
    - upgrades: reads the requests that open them
    - accounts: users, services and their keys
    - health: whether the server is ready
    - runtime: runs walks
    - runner: runs stored tasks
    - registry: the program's classes
    """

    api: ASGIApp
    door: Door
    upgrades: Upgrades
    accounts: Accounts
    health: Health
    runtime: Runtime
    runner: Runner
    registry: Registry


class Loaded(NamedTuple):
    """A loaded program: its classes, and the open database."""

    registry: Registry
    store: Store


def load_program(config: Config, load: Callable[[], Registry]) -> Loaded:
    """Open the database, and run the program's module code by `load`, as the public user and in one unit of work.

    Call it in a thread without a running event loop. Raises StartError.
    """
    store = open_store(
        config.database,
        connections=config.database_pool,
        seconds=config.database_timeout,
        is_durable=config.production,
    )
    with _closed_on_failure(store):
        try:
            with unit_of_work(store, Registry(), PUBLIC_ROOT, is_loading=True):
                registry = load()
        except (PublicError, RecordError) as error:
            raise StartError(
                f"The program was loaded, but what it did to the graph could not be kept: {error}"
            ) from None
    return Loaded(registry, store)


@asynccontextmanager
async def open_app(
    config: Config,
    program: Loaded,
    *,
    title: str = "walkwire",
    site: Site | None = None,
    passwords: Passwords | None = None,
    patience: float | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[App]:
    """Serve a program on the running event loop until the block is left, and close its database. Raises StartError.

    - title: the name in the API's description
    - site: the files that answer requests for which there is no route; None: there are none
    - passwords: hashes passwords; None: argon2id
    - patience: seconds that running walks get to end; None: as configured
    - clock: returns Unix seconds; by it histories, sessions, presence and the terms of connections age
    """
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        registry = program.registry
        patience = config.stop_seconds if patience is None else patience
        with _closed_on_failure(program.store):
            meters = _open_meters(config, stack)
            store, asking = meters.metered_store(program.store), Asking()
            levels = levels_of(config)
            entries = DurableEntries(levels) if levels.has_durable else None
            wire, has_streams = await make_wire(config, meters, store, asking, levels, clock)
            secret = signing_secret(config, kind_of(config.database).file(config.database))
        mailbox, news = Mailbox(asyncio.get_running_loop()), asyncio.Event()  # news: there may be a new task
        notify = meters.make_notifier(mailbox, wire.hub)
        tokens = ChannelTokens(secret)
        runtime = await enter(
            _open_runtime(
                config, registry, store, meters, mailbox, notify, news.set, patience, tokens, wire, entries
            )
        )
        await enter(asking)
        if entries is not None:
            wire.hub.use_writer(DurableWriter(store, asking, mailbox, entries, wire.hub.notify))
        accounts = await enter(
            open_accounts(
                store,
                asking,
                wire.hub,
                secret,
                user=registry.user,
                profile=None if registry.user is None else model_of(registry.user),
                mail=await enter(_open_mail(config, title)),
                keys=open_keys(config, secret),
                verify_email=config.verify_email,
                passwords=passwords,
                limits=account_limits_of(config),
            )
        )
        sign_on = await enter(open_outside(config, store, asking, accounts, secret, registry.user))
        rights = await enter(_open_rights(config, registry, store, asking, wire, runtime, tokens))
        revocation = accounts.revocation

        def on_return() -> None:
            revocation.recheck()
            rights.recheck()

        await wire.start(revocation.hear, on_return, revocation.hear_ended)
        stack.push_async_callback(wire.stop)
        health = Health(wire.peers, lambda: store.trouble)
        addresses = Addresses(config.trusted_proxies)
        dispatch = Dispatch(runtime, registry, addresses.of)
        parts = ConsoleParts(config, title, wire, runtime, registry, store, asking, accounts, health, levels)
        console = await enter(open_console(parts, meters.on_refusal))
        walkers = Walkers(
            dispatch.walk, accounts, registry.walkers, with_returns=config.show_endpoint_returns
        )
        cookies = Cookies(secret, is_secure=config.production)
        hosts = hosts_of(config, addresses.is_proxy)
        sessions = SignedSessions(secret, clock) if has_streams else None
        door = make_door(
            config,
            wire,
            dispatch,
            accounts,
            meters,
            addresses,
            sessions,
            make_describe(registry.presence_info, runtime),
        )
        operations = Operations(
            health,
            wire.hub,
            cookies,
            hosts,
            title,
            None if site is None else _open_files(stack, site),
            meters.render,
            console.on_refusal,
            note_request,
            addresses.of,
            sign_on,
            door,
            partial(describe_socket, registry, title, has_streams=sessions is not None),
            console.serve,
        )
        api = meters.traced_api(make_api(config, walkers, accounts, operations))
        happenings = Happenings(registry.walkers, dispatch.happen, max(1, config.threads // 2), wire.hub)
        stack.push_async_callback(happenings.stop)
        stack.callback(
            registry.subscribe(partial(mailbox.post, partial(_serve_walker, dispatch, walkers, happenings)))
        )
        scheduler = Scheduler(store, asking, dispatch, registry.walkers)
        runner = await enter(_open_runner(config, store, asking, dispatch, scheduler, news, patience))
        scheduler.start()
        stack.push_async_callback(scheduler.stop)
        meters.add_server(
            wire, health, partial(readings_of, store, wire, runtime, accounts, runner, happenings)
        )
        upgrades = Upgrades(cookies, hosts, is_production=config.production, has_streams=sessions is not None)
        yield App(api, door, upgrades, accounts, health, runtime, runner, registry)


def _open_files(stack: AsyncExitStack, site: Site) -> Files:
    files = Files(site)
    stack.callback(files.close)
    return files


def _open_meters(config: Config, stack: AsyncExitStack) -> Meters:
    meters = open_meters(config)
    if meters.close is not None:
        stack.push_async_callback(asyncio.to_thread, meters.close)
    return meters


@asynccontextmanager
async def _open_mail(config: Config, title: str) -> AsyncIterator[Mailer | None]:
    """Yield what SMTP_URL asks for; None without it. Raises StartError."""
    if config.smtp_url is None:
        yield None
        return
    if config.mail_from is None:
        raise StartError("SMTP_URL needs MAIL_FROM, the address that letters come from")
    server = mail_server(config.smtp_url.get_secret_value(), config.smtp_password_file)
    head = Letterhead(sender_of(config.mail_from), title, config.public_url)
    async with open_mailer(server, head) as mailer:
        yield mailer


@contextmanager
def _closed_on_failure(store: Store) -> Iterator[None]:
    """Close the store if the block raises: until there is a runtime, nobody else would."""
    try:
        yield
    except BaseException:
        store.close()
        raise


@asynccontextmanager
async def _open_runtime(
    config: Config,
    registry: Registry,
    store: Store,
    meters: Meters,
    mailbox: Mailbox,
    notify: Notifier,
    on_tasks: Callable[[], None],
    patience: float,
    tokens: ChannelTokens,
    wire: Wire,
    entries: DurableEntries | None,
) -> AsyncIterator[Runtime]:
    runtime = meters.make_runtime(
        store,
        registry,
        mailbox,
        notify=notify,
        limits=RuntimeLimits(
            config.threads, config.walk_queue, config.walk_seconds, config.user_walks, config.user_tasks
        ),
        answers=Answers(
            config.show_endpoint_returns, is_response, config.answer_limit, pack_response, unpack_response
        ),
        users=store,
        keyed_calls=store,
        on_tasks=on_tasks,
        channel_token=tokens.make,
        onlookers=wire.hub.presence,
        entries_of=None if entries is None else entries.of_walk,
    )
    runtime.watchers += meters.watchers
    try:
        yield runtime
    finally:
        # A walk that does not end may still use the database from its thread: leave it open, it ends with the process.
        if await runtime.stop(patience):
            store.close()


@asynccontextmanager
async def _open_rights(
    config: Config,
    registry: Registry,
    store: Store,
    asking: Asking,
    wire: Wire,
    runtime: Runtime,
    tokens: ChannelTokens,
) -> AsyncIterator[GraphRights]:
    def decides(kind: str) -> bool:
        return hasattr(registry.find("node", kind), "__jac_access__")

    rights = GraphRights(
        store,
        asking,
        wire.hub.membership,
        tokens,
        rules=make_rules(config.channels, registry.channel_rules, runtime),
        send_level=None if config.channel_send == "none" else Level.of(config.channel_send),
        decides=decides,
        ask_level=runtime.level,
        away=lambda: wire.hub.away,
    )
    wire.hub.membership.use(rights)
    try:
        yield rights
    finally:
        await rights.stop()


@asynccontextmanager
async def _open_runner(
    config: Config,
    store: Store,
    asking: Asking,
    dispatch: Dispatch,
    scheduler: Scheduler,
    news: asyncio.Event,
    patience: float,
) -> AsyncIterator[Runner]:
    async def run_task(task: TaskRecord, server: str) -> None:
        await dispatch.task(task, server, scheduler.is_forgotten(task))

    at_once = max(1, config.threads // 2)
    is_forgotten = scheduler.is_forgotten
    runner = Runner(store, asking, run_task, at_once=at_once, is_forgotten=is_forgotten, news=news)
    runner.start()
    try:
        yield runner
    finally:
        await runner.stop(patience)


def _serve_walker(dispatch: Dispatch, walkers: Walkers, happenings: Happenings, walker: type) -> None:
    """Serve a walker that the program made while it was served. Logs an error if its specs are wrong."""
    try:
        dispatch.add(walker)
        walkers.add(walker.__name__, walker)
        happenings.add(walker)
    except StartError as error:
        _log.error("A new walker cannot be served: %s", error)
