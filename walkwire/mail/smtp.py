"""Smtp: hands letters to a mail server, in the background. A letter that it refuses for now is sent again a few times.

A bounded number of letters waits; one beyond it is dropped. The log tells of letters that were not sent, without address or code.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from asyncio import Task, TimerHandle
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from walkwire.errors import StartError
from walkwire.mail.letter import RESET, VERIFICATION, Letterhead, Wording, letter

SECONDS = 30.0  # for one letter, from connecting to the last answer
PAUSES = (2.0, 15.0, 60.0)  # seconds before a letter is sent again
WAITING = 512  # letters that are under way
AT_ONCE = 4  # connections
FAREWELL = 5.0  # seconds for the letters under way when the server stops
LONGEST_REASON = 200  # characters
COMPLAINT = 60.0  # seconds between two lines in the log about the same trouble

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

_log = logging.getLogger(__name__)


class MailServer(NamedTuple):
    """A mail server.

    - is_tls: speaks TLS from the first byte
    - is_starttls: TLS begins with STARTTLS, and nothing is sent before
    - ca_file: certificates to trust; None: those of the machine
    """

    host: str
    port: int
    is_tls: bool
    is_starttls: bool
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"  # without the password


def mail_server(url: str, password_file: str | None = None) -> MailServer:
    """Return the server of SMTP_URL. Raises StartError, in which the URL is not quoted: it may hold a password.

    `smtp://user:password@host:587` uses STARTTLS, and `?starttls=off` sends in the clear; `smtps://…:465` uses TLS at once.
    `?cafile=` names certificates to trust.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or (465 if parts.scheme == "smtps" else 587)
        options = parse_qs(parts.query, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise StartError(_SHAPE) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/"):
        raise StartError(_SHAPE)
    if unknown := set(options) - {"starttls", "cafile"}:
        raise StartError(f"SMTP_URL has an unknown option {min(unknown)!r}: there are starttls and cafile")
    is_starttls = parts.scheme == "smtp" and options.get("starttls") != ["off"]
    password = unquote(parts.password) if parts.password else None
    if password_file is not None:
        password = _password_in(password_file, password)
    if password and not (is_starttls or parts.scheme == "smtps" or parts.hostname in _THIS_MACHINE):
        raise StartError("SMTP_URL has starttls=off, so its password would be sent in the clear")
    user = unquote(parts.username) if parts.username else None
    ca_file = options.get("cafile", [None])[0]
    return MailServer(parts.hostname, port, parts.scheme == "smtps", is_starttls, user, password, ca_file)


_SHAPE = "SMTP_URL reads smtp://user:password@host:587, or smtps://user:password@host:465"


def _password_in(place: str, other: str | None) -> str:
    if other is not None:
        raise StartError("The password of SMTP_URL and SMTP_PASSWORD_FILE are both given: leave one out")
    try:
        return Path(place).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(
            f"SMTP_PASSWORD_FILE cannot be read from {place}: {getattr(error, 'strerror', 'it is not UTF-8')}"
        ) from None


@asynccontextmanager
async def open_mailer(
    server: MailServer, head: Letterhead, pauses: Sequence[float] = PAUSES
) -> AsyncIterator[Mailer]:
    """Yield a mailer on the running event loop; when the block is left, letters under way have `FAREWELL` seconds.

    Raises StartError if aiosmtplib is not installed, or the certificates to trust cannot be read.
    """
    try:
        import aiosmtplib  # noqa: F401 - the first letter would be too late to find that it is missing
    except ModuleNotFoundError:
        raise StartError("SMTP_URL needs the package aiosmtplib: pip install 'walkwire[mail]'") from None
    try:
        trust = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:
        raise StartError(
            f"The file that SMTP_URL names as cafile cannot be read: {error.strerror or error}"
        ) from None
    mailer = Mailer(server, head, trust, pauses)
    try:
        yield mailer
    finally:
        await mailer.close()


class Mailer:
    """Sends codes by mail. Its two methods that send may be called in any thread, and do not wait."""

    def __init__(
        self,
        server: MailServer,
        head: Letterhead,
        trust: ssl.SSLContext,
        pauses: Sequence[float] = PAUSES,
        waiting: int = WAITING,
    ) -> None:
        self._server = server
        self._head = head
        self._trust = trust
        self._pauses = pauses
        self._bound = waiting
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._sending: set[Task[None]] = set()
        self._later: set[TimerHandle] = set()
        self._failed: Counter[str] = Counter()  # letters since the last line in the log, by reason
        self._complained = float("-inf")

    def send_reset_code(self, code: str, email: str) -> None:
        """Send a code for a new password."""
        self._send(RESET, code, email)

    def send_verification_code(self, code: str, email: str) -> None:
        """Send a code that confirms an address."""
        self._send(VERIFICATION, code, email)

    async def close(self) -> None:
        """Wait `FAREWELL` seconds for the letters under way; drop them, and those to be sent again."""
        await asyncio.sleep(0)  # letters that other threads have just handed over begin now
        for timer in self._later:
            timer.cancel()
        dropped = len(self._later)
        self._later.clear()
        if self._sending:
            _, pending = await asyncio.wait(self._sending, timeout=FAREWELL)
            dropped += len(pending) + len(self._later)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        for timer in self._later:
            timer.cancel()
        if dropped:
            _log.warning("Letters dropped, as the server stops: %d", dropped)

    def _send(self, wording: Wording, code: str, email: str) -> None:
        made = letter(self._head, wording, code, email)
        self._loop.call_soon_threadsafe(self._begin, made, 0)

    def _begin(self, made: EmailMessage, tries: int) -> None:
        if not tries and len(self._sending) + len(self._later) >= self._bound:
            self._complain(f"{self._bound} wait to be sent")
            return
        task = self._loop.create_task(self._try(made, tries), name="walkwire mail")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _try(self, made: EmailMessage, tries: int) -> None:
        from aiosmtplib import SMTPException

        try:
            async with self._turns, asyncio.timeout(SECONDS):
                await self._hand_over(made)
        except (SMTPException, OSError) as error:  # TimeoutError and ssl.SSLError are OSErrors
            if tries < len(self._pauses) and _is_temporary(error):
                self._try_again(made, tries)
            else:
                self._complain(_reason(error))
        except Exception:
            _log.exception("A letter could not be sent")

    def _try_again(self, made: EmailMessage, tries: int) -> None:
        def begin() -> None:
            self._later.discard(timer)
            self._begin(made, tries + 1)

        timer = self._loop.call_later(self._pauses[tries], begin)
        self._later.add(timer)

    async def _hand_over(self, made: EmailMessage) -> None:
        from aiosmtplib import SMTP

        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=self._head.sender.domain,
            use_tls=server.is_tls,
            start_tls=server.is_starttls,
            tls_context=self._trust,
            timeout=SECONDS,
        )
        async with client:
            await client.send_message(made)

    def _complain(self, reason: str) -> None:
        self._failed[reason] += 1
        if time.monotonic() - self._complained < COMPLAINT:
            return
        for told, count in self._failed.items():
            _log.error("Letters not sent: %d, because of %s", count, told)
        self._failed.clear()
        self._complained = time.monotonic()


def _is_temporary(error: Exception) -> bool:
    from aiosmtplib import SMTPNotSupported, SMTPRecipientsRefused, SMTPResponseException

    if isinstance(error, SMTPRecipientsRefused):
        return all(_is_temporary(one) for one in error.recipients)
    if isinstance(error, SMTPResponseException):
        return 400 <= error.code < 500
    return not isinstance(error, SMTPNotSupported | ssl.SSLCertVerificationError)


def _reason(error: Exception) -> str:
    """Return the kind of error, and the server's code in place of its sentence, which may name the address."""
    from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        return _reason(error.recipients[0])
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {error.code}"
    return f"{type(error).__name__}: {str(error)[:LONGEST_REASON]}".removesuffix(": ")
