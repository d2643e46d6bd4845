"""Addresses proved over REST, with Jac Cloud's words, by codes that a real mail server took."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.mail.post_office import PostOffice, open_post_office
from walkwire.errors import StartError
from walkwire.testing import Reply, Served, serve

EMPTY = ModuleType("empty")
ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery staple"}


def mail(office: PostOffice, **more: Any) -> dict[str, Any]:
    url = f"smtp://localhost:{office.port}?starttls=off"
    return {
        "smtp_url": url,
        "mail_from": "Shop <shop@example.com>",
        "public_url": "https://shop.example",
    } | more


async def post(app: Served, path: str, token: str | None = None, **body: Any) -> Reply:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await app.public().request("POST", f"/user/{path}", json=body, headers=headers)


async def code_of(office: PostOffice, word: str) -> str:
    """The code in the link of the next letter."""
    _, letter = await office.letters.get()
    assert letter["To"] == "ada@example.com"
    (code,) = [
        line.partition(f"/#{word}=")[2] for line in letter.get_content().splitlines() if f"#{word}=" in line
    ]
    return code


async def test_a_user_verifies_the_address_after_the_log_in() -> None:
    async with open_post_office() as office, serve(EMPTY, **mail(office, verify_email="optional")) as app:
        assert (await post(app, "register", **ACCOUNT)).status == 201
        code = await code_of(office, "verification_code")
        login = (await post(app, "login", **ACCOUNT)).body
        assert login["user"]["is_activated"] is False
        token = login["token"]
        answer = await post(app, "send-verification-code", token)
        assert (answer.status, answer.body) == (200, {"message": "Successfully sent verification code!"})
        answer = await post(app, "verify", code="nonsense")
        assert (answer.status, answer.body) == (403, {"message": "Verification Failed!"})
        answer = await post(app, "verify", code=code)
        assert (answer.status, answer.body) == (200, {"message": "Successfully Verified!"})
        assert (await post(app, "verify", code=code)).status == 403
        answer = await post(app, "send-verification-code", token)
        assert (answer.status, answer.body) == (400, {"message": "Account is already verified!"})
        assert (await post(app, "login", **ACCOUNT)).body["user"]["is_activated"] is True


async def test_where_it_is_required_an_unverified_user_does_not_log_in_and_a_stranger_learns_nothing() -> (
    None
):
    async with open_post_office() as office, serve(EMPTY, **mail(office, verify_email="required")) as app:
        await post(app, "register", **ACCOUNT)
        code = await code_of(office, "verification_code")
        answer = await post(app, "login", **ACCOUNT)
        sentence = "Account not yet verified! Resending verification code..."
        assert (answer.status, answer.body) == (400, {"detail": sentence})
        wrong = await post(app, "login", **ACCOUNT | {"password": "wrong"})
        nobody = await post(app, "login", **ACCOUNT | {"email": "nobody@example.com"})
        assert (
            (wrong.status, wrong.content)
            == (nobody.status, nobody.content)
            == (
                400,
                b'{"message":"Invalid Email/Password!"}',
            )
        )
        assert (await post(app, "send-verification-code")).status == 403
        assert (await post(app, "verify", code=code)).status == 200
        assert (await post(app, "login", **ACCOUNT)).status == 200


async def test_with_a_mail_server_passwords_are_replaced_without_the_programs_help() -> None:
    async with open_post_office() as office, serve(EMPTY, **mail(office)) as app:
        await post(app, "register", **ACCOUNT)
        assert (await post(app, "login", **ACCOUNT)).body["user"]["is_activated"] is True
        answer = await post(app, "forgot_password", email="ada@example.com")
        assert (answer.status, answer.body) == (200, {"message": "Reset password email sent!"})
        same = await post(app, "forgot_password", email="nobody@example.com")
        assert (same.status, same.content) == (answer.status, answer.content)
        code = await code_of(office, "reset_code")
        assert (await post(app, "reset_password", code=code, password="new")).status == 200
        assert (await post(app, "login", **ACCOUNT | {"password": "new"})).status == 200
        assert (await post(app, "verify", code=code)).status == 404


async def test_the_programs_own_functions_come_before_the_mail_server() -> None:
    sent: list[str] = []
    program = ModuleType("program")
    exec(
        "from walkwire import BaseUser\nclass User(BaseUser):\n"
        "    send_verification_code = staticmethod(lambda code, email: SENT.append(email))",
        vars(program) | {"SENT": sent} | {"__builtins__": __builtins__},
        vars(program),
    )
    async with serve(program, verify_email="required") as app:
        await post(app, "register", **ACCOUNT)
        while not sent:
            await post(app, "verify", code="x")
    assert sent == ["ada@example.com"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"verify_email": "required"}, "VERIFY_EMAIL needs something that sends codes"),
        ({"smtp_url": "smtp://localhost"}, "SMTP_URL needs MAIL_FROM"),
        ({"smtp_url": "smtp://localhost", "mail_from": "nobody"}, "MAIL_FROM is no address"),
        ({"smtp_url": "mail.example:25", "mail_from": "a@b.example"}, "SMTP_URL reads"),
    ],
)
async def test_settings_that_do_not_fit_stop_the_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StartError, match=sentence):
        async with serve(EMPTY, **settings):
            pass
