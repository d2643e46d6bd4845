"""Letters reach a real mail server: with STARTTLS, at the second try, or never, and then the log says so once."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from tests.mail.post_office import PASSWORD, open_post_office
from walkwire.errors import StartError
from walkwire.mail.letter import Letterhead, sender_of
from walkwire.mail.smtp import Mailer, mail_server, open_mailer

HEAD = Letterhead(sender_of("shop@example.com"), "Shop")


@asynccontextmanager
async def mailing(url: str, *pauses: float) -> AsyncIterator[Mailer]:
    async with open_mailer(mail_server(url), HEAD, pauses) as mailer:
        yield mailer


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@pytest.fixture
def lines() -> Iterator[asyncio.Queue[str]]:
    """The lines of the log, as they come."""
    queue: asyncio.Queue[str] = asyncio.Queue()
    handler, log = logging.Handler(), logging.getLogger("walkwire.mail")
    handler.emit = lambda record: queue.put_nowait(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(handler)
    yield queue
    log.removeHandler(handler)


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


async def test_a_letter_arrives_over_starttls_with_the_password(
    tls: ssl.SSLContext, authority: trustme.CA, tmp_path: Path
) -> None:
    async with open_post_office(tls, needs_password=True) as office:
        password = PASSWORD.replace(" ", "%20")
        url = f"smtp://shop:{password}@localhost:{office.port}?cafile={tmp_path / 'ca.pem'}"
        async with mailing(url) as mailer:
            await asyncio.to_thread(mailer.send_verification_code, "abc.def", "ada@example.com")
            envelope, made = await office.letters.get()
    assert (envelope.mail_from, envelope.rcpt_tos) == ("shop@example.com", ["ada@example.com"])
    assert "\r\nabc.def\r\n" in made.get_content()
    assert office.is_tls == [True]


async def test_nothing_is_sent_to_a_server_without_starttls_or_with_a_strange_certificate(
    tls: ssl.SSLContext, lines: asyncio.Queue[str]
) -> None:
    for context, reason in (
        (None, "SMTPException: SMTP STARTTLS extension"),
        (tls, "SSLCertVerificationError"),
    ):
        async with open_post_office(context) as office, mailing(f"smtp://localhost:{office.port}") as mailer:
            mailer.send_reset_code("code", "ada@example.com")
            assert (await asyncio.wait_for(lines.get(), 20)).startswith(
                f"Letters not sent: 1, because of {reason}"
            )
        assert office.letters.empty()


async def test_a_letter_arrives_at_an_address_beyond_ascii() -> None:
    async with (
        open_post_office() as office,
        mailing(f"smtp://localhost:{office.port}?starttls=off") as mailer,
    ):
        mailer.send_reset_code("code", "ß@example.com")
        envelope, made = await office.letters.get()
    assert (envelope.rcpt_tos, made["To"]) == (["ß@example.com"], "ß@example.com")


async def test_a_letter_that_is_refused_for_now_is_sent_again_and_others_do_not_wait_for_it() -> None:
    async with open_post_office() as office:
        office.answers = ["451 later", "421 later still"]
        async with mailing(f"smtp://localhost:{office.port}?starttls=off", 0.01, 0.01) as mailer:
            mailer.send_reset_code("code", "ada@example.com")
            envelope, _ = await office.letters.get()
        assert envelope.rcpt_tos == ["ada@example.com"]
        assert [office.tried.get_nowait() for _ in range(3)] == ["451 later", "421 later still", "250 OK"]


async def test_a_letter_that_is_refused_for_good_is_logged_once_without_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_post_office() as office:
        office.answers = ["550 no such user <ada@example.com>"] * 3
        async with mailing(f"smtp://localhost:{office.port}?starttls=off", 0.01) as mailer:
            for _ in range(3):
                mailer.send_reset_code("secret code", "ada@example.com")
            mailer.send_reset_code("code", "bob@example.com")
            await office.letters.get()
    assert [record.message for record in caplog.records] == [
        "Letters not sent: 1, because of SMTPDataError 550"
    ]


async def test_a_server_that_comes_back_gets_the_letter() -> None:
    called = asyncio.Event()

    def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        called.set()

    dead = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = dead.sockets[0].getsockname()[1]
    async with mailing(f"smtp://localhost:{port}?starttls=off", *[0.05] * 200) as mailer:
        mailer.send_reset_code("code", "ada@example.com")
        await called.wait()
        dead.close()
        await dead.wait_closed()
        async with open_post_office(port=port) as office:
            await office.letters.get()


async def test_letters_beyond_those_that_wait_are_dropped_and_all_ends_with_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_post_office() as office:
        office.answers = ["451 later"] * 2
        async with mailing(f"smtp://localhost:{office.port}?starttls=off", 60) as mailer:
            mailer._bound = 2
            for _ in range(3):
                mailer.send_reset_code("code", "ada@example.com")
            for _ in range(2):
                await office.tried.get()
    told = [record.message for record in caplog.records]
    assert told == [
        "Letters not sent: 1, because of 2 wait to be sent",
        "Letters dropped, as the server stops: 2",
    ]


def test_the_password_comes_from_a_file_and_is_in_no_text(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush hush\n")
    server = mail_server("smtp://shop@mail.example", str(tmp_path / "password"))
    assert (server.user, server.password, server.port) == ("shop", "hush hush", 587)
    assert "hush" not in f"{server} {server!r}"
    assert mail_server("smtps://a:b@mail.example")[:4] == ("mail.example", 465, True, False)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://shop:hush@mail.example", "SMTP_URL reads"),
        ("smtp://", "SMTP_URL reads"),
        ("smtp://shop:hush@mail.example:x", "SMTP_URL reads"),
        ("smtp://shop:hush@mail.example/path", "SMTP_URL reads"),
        ("smtp://shop:hush@mail.example?tls=no", "unknown option 'tls'"),
        ("smtp://shop:hush@mail.example?starttls=off", "in the clear"),
    ],
)
def test_a_wrong_url_is_refused_without_being_quoted(url: str, sentence: str) -> None:
    with pytest.raises(StartError, match=sentence) as raised:
        mail_server(url)
    assert "hush" not in str(raised.value)


async def test_a_password_given_twice_or_not_at_all_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="both given"):
        mail_server("smtp://shop:hush@mail.example", str(tmp_path))
    with pytest.raises(StartError, match="cannot be read"):
        mail_server("smtp://shop@mail.example", str(tmp_path / "absent"))
    with pytest.raises(StartError, match="cafile cannot be read"):
        async with mailing(f"smtp://localhost?cafile={tmp_path / 'absent'}"):
            pass
