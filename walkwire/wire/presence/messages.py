"""Messages: what servers tell each other about presence, as the data of envelopes of the kind `presence`.

`Beat`, `Interest` and `Who` go to all servers, the others to one. While no server watches anything, none is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Raw, Struct

UPDATE = 128 * 1024  # bytes of the parts of one update


class Beat(Struct, frozen=True, array_like=True, tag="beat"):
    """Renews the lease of a server.

    - version: how often the channels that it watches have changed
    - is_watching: whether it wants to be told by others, and so wants their beats
    - sent: the number of the last update that it has sent to each server
    """

    version: int
    is_watching: bool
    sent: dict[str, int]


class Interest(Struct, frozen=True, array_like=True, tag="interest"):
    """Says which channels a server watches from now on, and which no longer. `version`: behind this change."""

    version: int
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


class AskInterests(Struct, frozen=True, array_like=True, tag="interests?"):
    """Asks a server which channels it watches."""


class Interests(Struct, frozen=True, array_like=True, tag="interests"):
    """All channels that a server watches, or a part of them. Behind the part with `is_last` the others are watched no longer."""

    version: int
    channel_ids: tuple[str, ...]
    is_first: bool
    is_last: bool


class AskMembers(Struct, frozen=True, array_like=True, tag="members?"):
    """Asks a server for its members of all channels that the sender watches, as something was missed."""


class Part(Struct, frozen=True, array_like=True):
    """What a server tells about its members of one channel.

    - joined: root ids, and the info of each; a user that is known already has another info now
    - left: root ids
    - public: how many of its connections in the channel have not signed in
    - is_first, is_last: of the pages of a whole list; behind the last, members that no page has named are there no longer
    """

    channel_id: str
    joined: tuple[tuple[str, Raw], ...]
    left: tuple[str, ...]
    public: int
    is_first: bool = False
    is_last: bool = False


class Update(Struct, frozen=True, array_like=True, tag="update"):
    """What a server tells another that watches channels of its members.

    - number: counts the updates that the sender has sent to the receiver
    - parts: `Part`, encoded once for all receivers
    - answers: the version of the receiver's interests that is answered behind this update; 0: none
    - is_first, is_last: of the updates that tell everything anew
    """

    number: int
    parts: tuple[Raw, ...]
    answers: int = 0
    is_first: bool = False
    is_last: bool = False


class Who(Struct, frozen=True, array_like=True, tag="who?"):
    """Asks all servers which of these users are connected to them."""

    question: int
    root_ids: tuple[str, ...]


class Here(Struct, frozen=True, array_like=True, tag="who"):
    """Answers `Who`."""

    question: int
    root_ids: tuple[str, ...]


Word = Beat | Interest | AskInterests | Interests | AskMembers | Update | Who | Here

encode = msgspec.json.Encoder().encode
"""Return a message, or a part of one, as JSON."""

_word: msgspec.json.Decoder[Word] = msgspec.json.Decoder(Word)
_part = msgspec.json.Decoder(Part)


def decode(data: bytes) -> Word | None:
    """Return a message; None for one of a later version."""
    try:
        return _word.decode(data)
    except msgspec.DecodeError:
        return None


def encoded(part: Part) -> Raw:
    """Return a part as it is put into updates."""
    return Raw(encode(part))


def packed(parts: Iterable[Raw]) -> Iterator[list[Raw]]:
    """Yield the parts of one update after another."""
    few: list[Raw] = []
    size = 0
    for part in parts:
        length = len(bytes(part))
        if few and size + length > UPDATE:
            yield few
            few, size = [], 0
        few.append(part)
        size += length
    if few:
        yield few


def parts_of(update: Update) -> Iterable[Part]:
    """Return the parts of an update."""
    return map(_part.decode, update.parts)
