"""Letter: the e-mail that carries a code. An address cannot add headers or recipients: it is checked, then set as one address."""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from typing import NamedTuple

from walkwire.errors import StartError

_SENDER = re.compile(r"(?:([^\r\n<>@]*) )?<([^<>]+)>\Z")


class Wording(NamedTuple):
    """What a letter says. `{title}` is the application's name; `word` is the name of the code in a link."""

    subject: str
    text: str
    word: str


RESET = Wording(
    "{title}: your code for a new password",
    "Somebody, probably you, asked for a new password for this address at {title}.\n\n"
    "The code, which is valid for an hour and once:\n\n{code}\n{link}\n"
    "If it was not you, ignore this mail: your password stays as it is.\n",
    "reset_code",
)
VERIFICATION = Wording(
    "{title}: please confirm your address",
    "Somebody, probably you, registered this address at {title}.\n\n"
    "The code that confirms it, valid for a day:\n\n{code}\n{link}\n"
    "If it was not you, ignore this mail, and do not use the code.\n",
    "verification_code",
)


class Letterhead(NamedTuple):
    """What all letters of a server have in common.

    - sender: the address in `From`
    - title: the application's name
    - public_url: where the application's page is; None: letters have no link
    """

    sender: Address
    title: str
    public_url: str | None = None


def sender_of(text: str) -> Address:
    """Return the address of MAIL_FROM: `Shop <shop@example.com>`, or the address alone. Raises StartError."""
    found = _SENDER.match(text.strip())
    try:
        name, address = (found[1] or "", found[2]) if found else ("", text)
        return Address(name, *_plain(address))
    except ValueError:
        raise StartError(
            "MAIL_FROM is no address: write shop@example.com, or Shop <shop@example.com>"
        ) from None


def letter(head: Letterhead, wording: Wording, code: str, recipient: str) -> EmailMessage:
    """Return the e-mail that carries a code. Raises ValueError if the recipient is not one plain address.

    A link has the code behind `#`, which browsers send to no server.
    """
    link = "" if head.public_url is None else f"\n{head.public_url.rstrip('/')}/#{wording.word}={code}\n"
    made = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
    made["From"] = head.sender
    made["To"] = Address("", *_plain(recipient))
    made["Subject"] = wording.subject.format(title=head.title)
    made["Date"] = formatdate()
    made["Message-ID"] = make_msgid(domain=head.sender.domain)
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: an absence note is not to answer
    made.set_content(wording.text.format(title=head.title, code=code, link=link))
    return made


def _plain(address: str) -> tuple[str, str]:
    """Return the two parts of an address. Raises ValueError for characters that mean something in a header."""
    local, at, domain = address.rpartition("@")
    if (
        not (local and at and domain)
        or not address.isprintable()
        or any(one in address for one in ' <>,;:"()[]\\')
    ):
        raise ValueError("not a plain address")
    return local, domain
