"""An address: its one form, and what is none. email-validator, which walkwire does not need to be installed, is the judge."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from email_validator import EmailNotValidError, validate_email

from walkwire.account.email import LONGEST_EMAIL, normalised

PIECES = [
    *"abAZ019.-_+@@..\"<> ;'`[]\\",
    *"\u0301\u0338\u1fef\u037e\u212aéßςאב٣中·☃İ",  # letters, and what is no letter
    *"。\uff0e⒈\u2024\uff20",  # like a dot or an @
    *"\u00ad\u200c\u200d\u2028\ud800\x00\x7f\x85",
    *["xn--", "xn--4dbc", "xn--mnchen-3ya", "xn--zzzz", "ab--c", "@b.com", ".com", ".test", "localhost"],
    *["[1.2.3.4]", "a" * 60, "b" * 30, "中" * 10],
]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("ada+chat@example.com", "ada+chat@example.com"),
        ("ada@walkwire.test", "ada@walkwire.test"),
        ("ada@test", "ada@test"),
        ("ADA@bücher.example", "ada@bücher.example"),
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("e\u0301@example.com", "é@example.com"),
        ("ada@example。com", "ada@example.com"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert normalised(given) == kept


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "it has no @"),
        ("ada", "it has no @"),
        ("@example.com", "before the @"),
        ("a b@example.com", "before the @"),
        ("ada.@example.com", "before the @"),
        ('"ada"@example.com', "before the @"),
        ("Ada <ada@example.com>", "before the @"),
        ("ada@", "domain is missing"),
        ("a@b@c.com", "characters that no domain has"),
        ("ada@[127.0.0.1]", "characters that no domain has"),
        ("ada@example⒈com", "characters that no domain has"),
        ("ada@-example.com", "dots or hyphens"),
        ("ada@example..com", "dots or hyphens"),
        ("ada@" + "a" * 64 + ".com", "dots or hyphens"),
        ("ada@example.c0", "dots or hyphens"),
        ("ada@localhost", "could get mail"),
        ("ada@mail.local", "could get mail"),
        ("ada@xn--a.com", "its domain is not valid"),
        ("ada@1.xn--4dbc.com", "its domain is not valid"),
        ("a" * 250 + "@b.com", f"more than {LONGEST_EMAIL} characters"),
        ("é" * 130 + "@b.com", f"more than {LONGEST_EMAIL} bytes"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(given: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        normalised(given)
    assert str(refused.value).startswith("not a valid e-mail address: ")


def form_of(check: Callable[[str], str], email: str) -> str | None:
    try:
        return check(email)
    except (ValueError, EmailNotValidError):
        return None


def judged(email: str) -> str:
    return validate_email(email, check_deliverability=False, test_environment=True).normalized.lower()


def test_it_accepts_what_email_validator_accepts_in_the_same_form() -> None:
    dice = random.Random(11)
    accepted = 0
    for _ in range(4000):
        name, host = ("".join(dice.choices(PIECES, k=dice.randrange(1, 6))) for _ in range(2))
        email = dice.choice([f"{name}@example.com", f"ada@{host}.com", f"ada@{host}", name + host])
        kept = form_of(normalised, email)
        if len(email) <= LONGEST_EMAIL:
            assert kept == form_of(judged, email), repr(email)
        accepted += kept is not None
    assert accepted > 300
