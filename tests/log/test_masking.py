"""Secrets in texts for the log: each of these is masked, and what surrounds it stays."""

from __future__ import annotations

import base64
import itertools
import json
import secrets

import jwt
import pytest
from pydantic import BaseModel, ValidationError

from walkwire.log.masking import LONGEST_TEXT, masked

SECRET = "hunter2xyzzyhunter2"
TOKEN = jwt.encode({"sub": "ada"}, "s" * 32)
API_KEY = "wk_" + secrets.token_urlsafe(32)
TICKET = f"wt_{secrets.token_urlsafe(60)}.{secrets.token_urlsafe(32)}"
LETTERS = base64.b32encode(secrets.token_bytes(20)).decode()
WEBHOOK_KEY = f"{'ab' * 12}:1700000000:{LETTERS}"


@pytest.mark.parametrize(
    ("text", "secret", "kept"),
    [
        (f"Authorization: Bearer {SECRET} sent", SECRET, "sent"),
        (f"{{'authorization': 'Basic {SECRET}'}}", SECRET, "authorization"),
        (f"bearer%20{SECRET}", SECRET, "bearer"),
        (f"token {TOKEN} is bad", TOKEN, "is bad"),
        (f"(b'authorization', b'Bearer {TOKEN}')", TOKEN, "authorization"),
        (f"the key {API_KEY}", API_KEY, "the key"),
        (f"GET /webhook/walker/hook/{WEBHOOK_KEY}/node", LETTERS, "/webhook/walker/hook/"),
        (f"GET /hook/{WEBHOOK_KEY.replace(':', '%3A')}", LETTERS, "/hook/"),
        (f"postgresql://ada:{SECRET}@db.example/shop refused", SECRET, "@db.example/shop refused"),
        (f"redis://:{SECRET}@cache:6379", SECRET, "@cache:6379"),
        (f"/reset?code={SECRET}&page=2", SECRET, "page=2"),
        (f"GET /websocket?channel_id=a&ticket={TICKET}&x=y", TICKET[3:40], "&x=y"),
        (f"the ticket {TICKET} was used", TICKET[3:40], "was used"),
        (f"GET /websocket?auth={SECRET}&channel_id=a", SECRET, "channel_id=a"),
        (f"'Sec-WebSocket-Protocol: walkwire.v1, bearer.{TOKEN}'", TOKEN, "walkwire.v1"),
        (f"Cookie: a=b; walkwire_token={SECRET}; c=d", SECRET, "c=d"),
        (f"Cookie: walkwire_csrf={SECRET}", SECRET, "Cookie"),
        (f"x-csrf-token: {SECRET}", SECRET, "x-csrf-token"),
        (f"/x?access_token={SECRET}", SECRET, "access_token"),
        (f'{{"password": "{SECRET}", "email": "a@b.c"}}', SECRET, "a@b.c"),
        (f"{{'new_password': '{SECRET}'}}", SECRET, "new_password"),
        (json.dumps({"body": json.dumps({"password": f"{SECRET} {SECRET}"})}), SECRET, "body"),
        (f"LoginRequest(email='a@b.c', password='{SECRET}')", SECRET, "a@b.c"),
        (f"[parameters: ('{SECRET}', 1)]", SECRET, "parameters"),
    ],
    ids=itertools.count(),  # some secrets are random
)
def test_a_secret_is_masked(text: str, secret: str, kept: str) -> None:
    shown = masked(text)
    assert secret not in shown
    assert kept in shown


def test_a_value_that_pydantic_quotes_is_masked() -> None:
    class Form(BaseModel):
        age: int

    with pytest.raises(ValidationError) as raised:
        Form.model_validate({"age": f"{SECRET}, {SECRET}"})
    assert SECRET not in masked(str(raised.value))
    assert "unable to parse string as an integer" in masked(str(raised.value))


@pytest.mark.parametrize(
    "text",
    [
        "Redis at localhost:6379 is back, with 12 topics",
        "Internal error, reference 3f9a12c4: POST /walker/vote",
        "GET /shows?author=ada&tickets=2",
        "Client 1700000000:0123456789abcdef0123456789abcdef is cut off: it does not read what it is sent",
        "w:Send:0123456789abcdef01234567 was taken for abandoned",
        "Walker a, specs: 'path' holds {node}, where a walk enters",
        '  File "walkwire/walk/run/run.py", line 12, in execute',
        "A token could not be checked; its bearer is treated as the public user",
        "ValueError: invalid literal for int() with base 10: 'x'",
    ],
)
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "password=",
        "a",
        "eyJ",
        "://a:",
        '"token":"\\',
        "Bearer ",
        "[parameters: ",
        "code\\",
        "code",
        "-",
        "a.",
        "input_value=",
        "wk_",
        "authorization:",
        "x://:",
    ],
)
def test_a_long_text_is_cut_before_it_costs_anything(piece: str) -> None:
    assert len(masked(piece * LONGEST_TEXT)) <= 2 * LONGEST_TEXT
