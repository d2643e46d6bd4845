"""Names: names of types in another language, each one once, and texts that end no comment."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


class TypeNames:
    """The names that are taken in a file. `taken`: those of the language, and of what the file imports."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)
        self._given: dict[str, str] = {}

    def of(self, wanted: str) -> str:
        """Return the name for this definition, always the same."""
        if wanted not in self._given:
            self._given[wanted] = self.new(wanted)
        return self._given[wanted]

    def is_taken(self, name: str) -> bool:
        """Return whether something in the file has this name."""
        return name in self._taken

    def new(self, wanted: str) -> str:
        """Return a name that is not taken yet: the wanted one, or one like it."""
        is_plain = wanted.isidentifier() and unicodedata.normalize("NFKC", wanted) == wanted
        base = name = wanted if is_plain else pascal(wanted)
        number = 2
        while name in self._taken:
            name, number = f"{base}{number}", number + 1
        self._taken.add(name)
        return name


def pascal(*words: str) -> str:
    """Return a name such as `WriteNoteFields` for `write_note` and `fields`."""
    found = "".join(part[:1].upper() + part[1:] for word in words for part in _WORD.findall(word))
    found = unicodedata.normalize("NFKC", found)
    return found if found.isidentifier() else f"T{found}"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text for a comment, without characters that a reader could not see."""
    return [_CONTROL.sub("", line).rstrip() for line in text.replace("\r\n", "\n").split("\n")]
