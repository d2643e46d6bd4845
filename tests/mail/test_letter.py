"""What a letter says, and that no address can make it say more or go elsewhere."""

from __future__ import annotations

import pytest

from walkwire.errors import StartError
from walkwire.mail.letter import RESET, VERIFICATION, Letterhead, letter, sender_of

HEAD = Letterhead(sender_of("The Shop <shop@example.com>"), "Shop", "https://shop.example/app/")


def test_a_letter_has_the_code_and_a_link_whose_code_no_server_sees() -> None:
    made = letter(HEAD, RESET, "abc.def", "ada@example.com")
    assert (made["From"], made["To"]) == ("The Shop <shop@example.com>", "ada@example.com")
    assert made["Subject"] == "Shop: your code for a new password"
    assert "\nabc.def\n" in made.get_content()
    assert "\nhttps://shop.example/app/#reset_code=abc.def\n" in made.get_content()
    assert "#verification_code=x" in letter(HEAD, VERIFICATION, "x", "a@example.com").get_content()
    assert "#" not in letter(HEAD._replace(public_url=None), RESET, "x", "a@example.com").get_content()


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada@example.com\rX: y",
        "ada@example.com, eve@example.com",
        "ada@example.com>, <eve@example.com",
        "<eve@example.com>",
        '"ada\r\n"@example.com',
        "ada@example.com\u2028Bcc: x",
        "ada@example.com\x00",
        "ada(eve)@example.com",
        "ada@",
        "@example.com",
        "ada",
        "",
    ],
)
def test_an_address_adds_no_header_and_no_recipient(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of the email package or of ours
        letter(HEAD, RESET, "code", address)


@pytest.mark.parametrize(
    "text", ["", "shop", "a@b, c@d", "Shop <a@b>, <c@d>", "Shop\n <a@b>", "Shop <a b@c>", "a@b\nX: y"]
)
def test_a_sender_is_one_address(text: str) -> None:
    with pytest.raises(StartError, match="MAIL_FROM is no address"):
        sender_of(text)


def test_a_title_adds_no_header() -> None:
    with pytest.raises(ValueError, match="linefeed"):
        letter(HEAD._replace(title="Shop\nBcc: eve@example.com"), RESET, "code", "ada@example.com")


def test_an_address_beyond_ascii_is_kept() -> None:
    assert letter(HEAD, RESET, "code", "ß@example.com")["To"].addresses[0].addr_spec == "ß@example.com"
