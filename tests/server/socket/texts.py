"""Texts: bytes that are UTF-8 and bytes that are not (Unicode, table 3-7), in the order of Autobahn's sections 6.5 to 6.23."""

from __future__ import annotations

SMILE = "Hello-µ@ßöäüàá-UTF-8!!".encode()
COSMOS = bytes.fromhex("cebae1bdb9cf83cebcceb5")  # "κόσμε" with an omicron of three bytes

_GOOD = {
    "6.7 the first of each length": "00 c280 e0a080 f0908080",
    "6.9 the last of each length": "7f dfbf efbfbf f48fbfbf",
    "6.11 beside what is not allowed": "ed9fbf ee8080 efbfbd f48fbfbf",
    "6.22 no characters, and allowed": "efbfbe efbfbf f09fbfbe f09fbfbf f0afbfbe f0afbfbf f0bfbfbe f0bfbfbf f18fbfbe "
    "f18fbfbf f19fbfbe f19fbfbf f1afbfbe f1afbfbf f1bfbfbe f1bfbfbf f28fbfbe f28fbfbf f29fbfbe f29fbfbf f2afbfbe "
    "f2afbfbf f2bfbfbe f2bfbfbf f38fbfbe f38fbfbf f39fbfbe f39fbfbf f3afbfbe f3afbfbf f3bfbfbe f3bfbfbf f48fbfbe",
    "6.23 specials": "efbfb9 efbfba efbfbb efbfbc",
}
_BAD = {
    "6.8 first of five and six": "f888808080 fc8480808080",
    "6.10 last of four, five and six": "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf",
    "6.11 beyond the last": "f4908080",
    "6.12 nothing to continue": "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf",
    "6.13 nothing continues": "c020c120 e020e120 f020f120 f820f920 fc20",
    "6.14 cut short": "c0 e080 f08080 f8808080 fc80808080 df efbf f7bfbf fbbfbfbf fdbfbfbfbf",
    "6.15 cut short, one after another": "c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf",
    "6.16 never used": "fe ff fefeffff feff",
    "6.17 longer than needed": "c0af e080af f08080af f8808080af fc80808080af",
    "6.18 the last of these": "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf",
    "6.19 a zero of many": "c080 e08080 f0808080 f880808080 fc8080808080",
    "6.20 half a surrogate": "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf",
    "6.21 a pair of them": "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 "
    "edae80edbfbf edafbfedb080 edafbfedbfbf",
}
_ENDS = (0, 2, 5, 7, 9, 11)  # of the characters of COSMOS


def good() -> dict[str, bytes]:
    """By name."""
    texts = {f"6.6 the first {end} bytes": COSMOS[:end] for end in _ENDS}
    return texts | {"6.2 words": SMILE} | _named(_GOOD)


def bad() -> dict[str, bytes]:
    """By name."""
    texts = {f"6.5 the first {end} bytes": COSMOS[:end] for end in range(len(COSMOS)) if end not in _ENDS}
    texts |= {
        f"6.3 {text.hex()} within": COSMOS + text + b"edited"
        for text in (b"\xed\xa0\x80", b"\xf4\x90\x80\x80")
    }
    every = bytes(range(0x80, 0xC0))
    return texts | _named(_BAD) | {"6.12 all that continue": every}


def _named(rows: dict[str, str]) -> dict[str, bytes]:
    return {f"{name}: {text}": bytes.fromhex(text) for name, texts in rows.items() for text in texts.split()}
