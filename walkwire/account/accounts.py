"""Accounts: the parts of this room, made for one server and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pydantic import BaseModel

from walkwire.account.attempts import AttemptLimits, Attempts
from walkwire.account.auth import Auth
from walkwire.account.password import WAITING as PASSWORDS_WAITING
from walkwire.account.password import Passwords
from walkwire.account.reset import Resets
from walkwire.account.revocation import Revocation, Sockets
from walkwire.account.service import Services
from walkwire.account.session import Lifetimes, Sessions
from walkwire.account.signing.codes import WAITING as CODES_WAITING
from walkwire.account.signing.codes import Send
from walkwire.account.signing.keys import Keys
from walkwire.account.signing.verification import Verification
from walkwire.account.ticket import Tickets
from walkwire.account.token import Tokens
from walkwire.account.user import Users
from walkwire.account.webhook import BOUND as WEBHOOK_KEYS
from walkwire.account.webhook import Webhooks
from walkwire.config import VerifyEmail
from walkwire.errors import StartError
from walkwire.store import Asking, Store

_NO_SENDER = (
    "VERIFY_EMAIL needs something that sends codes: set SMTP_URL and MAIL_FROM, or give the program's class of users a function"
    " send_verification_code(code, email)"
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Everything by which callers are known.

    - auth: identifies users by their tokens
    - users: registers users, logs them in, changes their passwords
    - sessions: renews and ends what a log-in began
    - services: identifies services by their API keys
    - tickets: makes tickets that open WebSockets
    - webhooks: makes webhook keys and identifies callers by them
    - revocation: knows which tokens still count
    - resets: replaces lost passwords; None if nothing can send codes
    - verification: verifies e-mail addresses; None if users need not prove them
    - keys: sign and verify tokens
    - profile: model of the fields that the program gives its users; None: it gives none
    """

    auth: Auth
    users: Users
    sessions: Sessions
    services: Services
    tickets: Tickets
    webhooks: Webhooks
    revocation: Revocation
    resets: Resets | None = None
    verification: Verification | None = None
    keys: Keys | None = None
    profile: type[BaseModel] | None = None


class Mail(Protocol):
    """Sends codes by mail. Its methods may be called in any thread. `mail/smtp` implements it."""

    def send_reset_code(self, code: str, email: str) -> object:
        """Send a code for a new password."""

    def send_verification_code(self, code: str, email: str) -> object:
        """Send a code that confirms an address."""


class AccountLimits(NamedTuple):
    """Limits of accounts.

    - attempts: limits of log-ins, registrations and resets
    - passwords: how many calls may wait for a hash
    - codes: how many codes may wait to be sent
    - webhook_keys: keys of one user
    - lifetimes: how long tokens are valid
    - password_length: characters of a new password, at least
    """

    attempts: AttemptLimits = AttemptLimits()
    passwords: int = PASSWORDS_WAITING
    codes: int = CODES_WAITING
    webhook_keys: int = WEBHOOK_KEYS
    lifetimes: Lifetimes = Lifetimes()
    password_length: int = 1


@asynccontextmanager
async def open_accounts(
    store: Store,
    asking: Asking,
    sockets: Sockets,
    secret: bytes,
    *,
    user: type | None = None,
    profile: type[BaseModel] | None = None,
    mail: Mail | None = None,
    keys: Keys | None = None,
    verify_email: VerifyEmail = "off",
    passwords: Passwords | None = None,
    limits: AccountLimits | None = None,
) -> AsyncIterator[Accounts]:
    """Make the accounts of a server, and close them when the block is left.

    - secret: signs tokens, reset codes and webhook keys; at least 32 bytes
    - user: the program's class of users; its `send_reset_code(code, email)` and `send_verification_code`, where it has them
    - mail: sends the codes for which the program has no function
    - keys: sign and verify tokens; None: the secret does
    - verify_email: whether new users are asked to prove their addresses, and may log in before
    - passwords: hashes passwords; None: argon2id with the library's parameters. Closed with the rest
    - limits: None: attempts are not limited

    Raises StartError if addresses are to be proved, and nothing can send codes.
    """
    limits = limits or AccountLimits()
    async with AsyncExitStack() as stack:
        passwords = passwords or Passwords(waiting=limits.passwords)
        attempts = Attempts(limits.attempts)
        stack.push_async_callback(passwords.close)
        tokens = Tokens(secret, keys=keys)
        verification = None
        if verify_email != "off":
            if (send := _sender(user, mail, "send_verification_code")) is None:
                raise StartError(_NO_SENDER)
            verification = Verification(
                store,
                asking,
                secret,
                send,
                is_required=verify_email == "required",
                attempts=attempts,
                waiting=limits.codes,
            )
            stack.callback(verification.close)
        revocation = Revocation(store, asking, sockets)
        stack.push_async_callback(revocation.stop)
        sessions = Sessions(store, asking, tokens, revocation, limits.lifetimes)
        sessions.start()
        stack.push_async_callback(sessions.stop)
        users = Users(
            store,
            asking,
            passwords,
            sessions,
            revocation,
            attempts,
            verification,
            password_length=limits.password_length,
        )
        resets = None
        if (send := _sender(user, mail, "send_reset_code")) is not None:
            resets = Resets(store, users, secret, send, attempts=attempts, waiting=limits.codes)
            stack.callback(resets.close)
        auth = Auth(tokens, revocation)
        yield Accounts(
            auth,
            users,
            sessions,
            Services(store, asking),
            Tickets(store, asking, auth, secret),
            Webhooks(store, asking, secret, bound=limits.webhook_keys),
            revocation,
            resets,
            verification,
            keys,
            profile,
        )


def _sender(user: type | None, mail: Mail | None, name: str) -> Send | None:
    """Return the program's own function of this name, else that of the mail; None if there is neither."""
    send: Send | None = getattr(user, name, None) or getattr(mail, name, None)
    return send
