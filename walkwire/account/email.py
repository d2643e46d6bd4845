"""Email: what an e-mail address is, and the one form in which it is stored and compared. No domain is looked up.

It accepts what the package email-validator accepts, and `tests/account/test_email.py` compares the two. That package needs an
installation of dnspython (3.4 MB), which nothing here would use.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

import idna
from pydantic import AfterValidator, Field, WithJsonSchema

LONGEST_EMAIL = 254  # bytes: RFC 3696, erratum 1690
_LONGEST_DOMAIN = 253  # bytes: RFC 1035 §2.3.4, without the dot and the root label

_WIDE = "\u0080-\U0010ffff"  # RFC 6531 §3.3
_ATOM = rf"[a-zA-Z0-9_!#$%&'*+\-/=?^`{{|}}~{_WIDE}]+"  # RFC 5322 §3.2.3
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_IN_DOMAIN = re.compile(rf"[a-zA-Z0-9\-.{_WIDE}]+")
_LABEL = r"(?!(?!xn).{2}--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1035 §2.3.1, RFC 5890 §2.3.1
_HOST = re.compile(
    rf"{_LABEL}(?:\.{_LABEL})*(?<=[a-z])", re.IGNORECASE
)  # every top-level domain ends with a letter
_RESERVED = re.compile(
    r"(?:.*\.)?(?:arpa|invalid|local|localhost|onion)", re.IGNORECASE
)  # RFC 6761, 6762, 7686

_NAMES_OF_NOTHING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp"})  # categories of Unicode
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


def normalised(email: str) -> str:
    """Return an address in the form in which it is stored and compared: checked, in lower case. Raises ValueError.

    Its domain is not looked up. The domains reserved for tests (RFC 2606's `.test`) are accepted.
    """
    try:
        return _parsed(email).lower()
    except idna.IDNAError as error:
        raise ValueError(f"not a valid e-mail address: its domain is not valid ({error})") from None
    except ValueError as error:
        raise ValueError(f"not a valid e-mail address: {error}") from None


def _parsed(email: str) -> str:
    if len(email) > LONGEST_EMAIL:  # some checks take more than linear time
        raise ValueError(f"it has more than {LONGEST_EMAIL} characters")
    name, at, host = email.partition("@")
    if not at:
        raise ValueError("it has no @")
    local = unicodedata.normalize("NFC", name)  # RFC 6532 §3.1
    for form in {name, local}:
        if not _LOCAL.fullmatch(form) or not _is_safe(form):
            raise ValueError("what is before the @ is missing, or has characters or dots where none may be")
    domain, sent = _domain(host)
    for form in (email, f"{local}@{domain}", f"{local}@{sent}"):
        if len(form.encode()) > LONGEST_EMAIL:
            raise ValueError(f"it has more than {LONGEST_EMAIL} bytes")
    return f"{local}@{domain}"


def _domain(host: str) -> tuple[str, str]:
    """Return a domain as people read it and as it is sent. Raises ValueError."""
    if len(host) > _LONGEST_DOMAIN:
        raise ValueError("its domain is too long")
    if not _IN_DOMAIN.fullmatch(host) or not _is_safe(host) or any(map(_is_refused_in_domain, host)):
        raise ValueError("its domain is missing, or has characters that no domain has")
    mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    if not _IN_DOMAIN.fullmatch(mapped):  # it may have got others by the mapping
        raise ValueError("its domain has characters that no domain has")
    sent = (
        mapped if mapped.isascii() else ".".join(idna.alabel(label).decode() for label in mapped.split("."))
    )
    if len(sent) > _LONGEST_DOMAIN or not _HOST.fullmatch(sent):
        raise ValueError("its domain is too long, or has dots or hyphens where none may be")
    if ("." not in sent and sent != "test") or _RESERVED.fullmatch(sent):
        raise ValueError("its domain is none that could get mail")
    if "xn--" not in sent:
        return sent, sent
    domain = idna.decode(sent)
    if not _IN_DOMAIN.fullmatch(domain) or not _is_safe(domain):
        raise ValueError("its domain has characters that no domain has")
    if any(
        unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in domain
    ):  # RFC 5893 §2: then of all labels
        for label in domain.split("."):
            idna.check_bidi(label, check_ltr=True)
    idna.encode(domain)
    return domain, sent


def _is_safe(text: str) -> bool:
    """Return whether a text has no blanks and controls, and no mark at its beginning, which would combine with what is before."""
    kinds = [unicodedata.category(char) for char in text]
    return not _NAMES_OF_NOTHING.intersection(kinds) and not kinds[0].startswith("M")


def _is_refused_in_domain(char: str) -> bool:
    """Return whether a character becomes a dot among others (⒈), which would make two labels of one."""
    return char not in ".\uff0e" and "002E" in unicodedata.decomposition(char).split()


Email = Annotated[
    str,
    Field(max_length=LONGEST_EMAIL),
    AfterValidator(normalised),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_EMAIL}),
]
