"""Accounts: the parts of this room, made for one server and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel

from walkwire.account.attempts import AttemptLimits, Attempts
from walkwire.account.auth import Auth
from walkwire.account.password import WAITING as PASSWORDS_WAITING
from walkwire.account.password import Passwords
from walkwire.account.reset import WAITING as CODES_WAITING
from walkwire.account.reset import Resets
from walkwire.account.revocation import Revocation, Sockets
from walkwire.account.service import Services
from walkwire.account.ticket import Tickets
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.account.webhook import BOUND as WEBHOOK_KEYS
from walkwire.account.webhook import Webhooks
from walkwire.store import Asking, Store


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything by which callers are known.

    - auth: identifies users by their tokens
    - users: registers users, logs them in, changes their passwords
    - services: identifies services by their API keys
    - tickets: makes tickets that open WebSockets
    - webhooks: makes webhook keys and identifies callers by them
    - revocation: knows which tokens still count
    - resets: replaces lost passwords; None if the program cannot send codes
    - profile: model of the fields that the program gives its users; None: it gives none
    """

    auth: Auth
    users: Users
    services: Services
    tickets: Tickets
    webhooks: Webhooks
    revocation: Revocation
    resets: Resets | None = None
    profile: type[BaseModel] | None = None


class AccountLimits(NamedTuple):
    """Limits of accounts.

    - attempts: limits of log-ins, registrations and resets
    - passwords: how many calls may wait for a hash
    - codes: how many codes may wait to be sent
    - webhook_keys: keys of one user
    """

    attempts: AttemptLimits = AttemptLimits()
    passwords: int = PASSWORDS_WAITING
    codes: int = CODES_WAITING
    webhook_keys: int = WEBHOOK_KEYS


@asynccontextmanager
async def open_accounts(
    store: Store,
    asking: Asking,
    sockets: Sockets,
    secret: bytes,
    *,
    user: type | None = None,
    profile: type[BaseModel] | None = None,
    passwords: Passwords | None = None,
    limits: AccountLimits | None = None,
) -> AsyncIterator[Accounts]:
    """Make the accounts of a server, and close them when the block is left.

    - secret: signs tokens, reset codes and webhook keys; at least 32 bytes
    - user: the program's class of users; its `send_reset_code(code, email)`, if it has one, sends codes
    - passwords: hashes passwords; None: argon2id with the library's parameters. Closed with the rest
    - limits: None: attempts are not limited
    """
    limits = limits or AccountLimits()
    async with AsyncExitStack() as stack:
        passwords = passwords or Passwords(waiting=limits.passwords)
        attempts = Attempts(limits.attempts)
        stack.callback(passwords.close)
        tokens = Tokens(secret)
        revocation = Revocation(store, asking, sockets)
        stack.push_async_callback(revocation.stop)
        users = Users(store, asking, passwords, tokens, revocation, attempts)
        resets = None
        if (send := getattr(user, "send_reset_code", None)) is not None:
            resets = Resets(store, users, secret, send, attempts=attempts, waiting=limits.codes)
            stack.callback(resets.close)
        auth = Auth(tokens, revocation)
        yield Accounts(
            auth,
            users,
            Services(store, asking),
            Tickets(store, asking, auth, secret),
            Webhooks(store, asking, secret, bound=limits.webhook_keys),
            revocation,
            resets,
            profile,
        )
