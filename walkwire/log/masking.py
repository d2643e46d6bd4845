"""Masking: replaces secrets in a text for the log: tokens, keys, passwords, and values that a validator quotes.

It is a second wall. The first is that nobody logs a secret on purpose. So a pattern may mask too much, and never too little.
"""

from __future__ import annotations

import re

MASK = "***"
LONGEST_TEXT = 8 * 1024  # characters; the rest is dropped before masking, which takes time for each of them

_WORDS = r"pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?|cookie|csrf|code"
_COLON = r"(?::|%3[Aa])"
# No pattern scans far from where it begins: a hostile text costs no more than another one.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        # What follows the scheme of an Authorization header (RFC 9110, 11.6.2).
        (r"(?i)\b(bearer|basic|digest)(?:[\s:]|%20){1,4}[^\s'\",;)\]}]{8,}", rf"\1 {MASK}"),
        (
            r"(?i)(authorization['\"]?\s?[:=,]\s?b?['\"]?)(?!(?:bearer|basic|digest)\b)[^\s'\",;)\]}]+",
            rf"\1{MASK}",
        ),
        # A JSON Web Token: three parts, the first of which is an object in base64.
        (r"(?<![\w-])eyJ[\w-]{8,}(?:\.[\w-]*){0,2}", MASK),
        # walkwire's API keys, refresh tokens, tickets and webhook keys.
        (r"(?<![\w-])w[krt]_[\w.-]{16,}", MASK),
        # ?auth=… and &ticket=…
        (r"(?i)([?&](?:auth|ticket)=)[^\s&#'\"]+", rf"\1{MASK}"),
        (rf"\b[0-9a-fA-F]{{24}}{_COLON}[0-9]{{1,20}}{_COLON}[\w-]+", MASK),
        (r"\b[A-Z2-7]{32,}\b", MASK),
        # scheme://user:password@host
        (r"(\b[a-zA-Z][\w+.-]{0,20}://[^\s:/@]{0,200}:)[^\s/]{1,500}@", rf"\1{MASK}@"),
        # password=…, "token": "…", ?code=…
        (
            rf"(?i)((?:{_WORDS})[\w-]{{0,20}}(?:\\?['\"])?\s{{0,4}}[=:]\s{{0,4}}b?)"
            r"(?:\\?\"(?:[^\"\\]|\\[^\"])*\\?\"|\\?'(?:[^'\\]|\\[^'])*\\?'|(?:\\?['\"])?[^\s&,;)\]}'\"]+)",
            rf"\1{MASK}",
        ),
        # Values that pydantic and SQLAlchemy quote in their errors.
        (r"(?s)\binput_value=.{0,300}?, input_type=", f"input_value={MASK}, input_type="),
        (r"(?m)^\[parameters: .*$", f"[parameters: {MASK}]"),
    )
)


def masked(text: str) -> str:
    """Return the text with MASK in place of secrets, and without what follows its first LONGEST_TEXT characters."""
    text = text[:LONGEST_TEXT]
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
