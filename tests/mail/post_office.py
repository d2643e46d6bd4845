"""A real mail server on a real port, which takes, refuses or delays letters as a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "the password of the post"


class PostOffice:
    """What aiosmtpd calls. `answers` are given to the next letters, before they are taken again; `letters` are those it took."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.tried: asyncio.Queue[str] = asyncio.Queue()
        self.letters: asyncio.Queue[tuple[Envelope, EmailMessage]] = asyncio.Queue()
        self.is_tls: list[bool] = []
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        self.tried.put_nowait(answer)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.is_tls.append(session.ssl is not None)
            made: Any = message_from_bytes(envelope.content, policy=policy.default)
            self.letters.put_nowait((envelope, made))
        return answer

    def log_in(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and data == LoginPassword(b"shop", PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)


@asynccontextmanager
async def open_post_office(
    tls: ssl.SSLContext | None = None, needs_password: bool = False, port: int = 0
) -> AsyncIterator[PostOffice]:
    """Serve until the block is left. With `tls`, STARTTLS is required."""
    office = PostOffice()

    def make() -> SMTP:
        return SMTP(
            office,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=needs_password,
            authenticator=office.log_in,
            auth_require_tls=tls is not None,
            enable_SMTPUTF8=True,
            hostname="post.example",
        )

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", port)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        await server.wait_closed()
