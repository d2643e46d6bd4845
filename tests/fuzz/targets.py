"""The targets of the fuzzing: what is called with arbitrary bytes, and raises only if the code under test is wrong.

A module of this folder has the name of its target, `check(data)`, and `WORDS`, which mutations insert. Its seeds are in
`corpus/NAME/`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"
KNOWN = FOLDER / "known"  # inputs that find what is not cured yet, by target: the fuzzing would stop at them


@dataclass(frozen=True)
class Target:
    """A target.

    - instrumented: modules whose branches count as coverage
    - length: most bytes in an input
    - mutations: number of seeded mutations in the ordinary tests
    - more: folders of further seeds
    """

    name: str
    instrumented: tuple[str, ...]
    length: int
    mutations: int
    more: tuple[Path, ...] = ()

    @property
    def corpus(self) -> Path:
        """Return the folder of its seeds."""
        return CORPUS / self.name

    def load(self) -> tuple[Callable[[bytes], None], tuple[bytes, ...]]:
        """Import the target. Returns what checks an input, and the words of its language."""
        module = import_module(f"tests.fuzz.{self.name}")
        return module.check, module.WORDS

    def seeds(self) -> list[Path]:
        """Return the files of the corpus, in an order that is always the same."""
        return sorted(path for path in self.corpus.iterdir() if path.is_file())


TARGETS = {
    target.name: target
    for target in (
        Target("events", ("walkwire.wire", "walkwire.ids"), 4096, 3000),
        Target("frames", ("walkwire.server.socket", "websockets.frames", "websockets.protocol"), 4096, 1000),
        Target("tokens", ("walkwire.account", "jwt"), 1024, 2000),
        Target(
            "bodies", ("walkwire.server", "walkwire.walk", "walkwire.account", "walkwire.wire"), 2048, 200
        ),
        Target("jac", ("walkwire.jac",), 2048, 150, (FOLDER.parent / "jac" / "programs",)),
    )
}


def mutations(seeds: Sequence[bytes], words: Sequence[bytes], count: int, seed: str) -> Iterator[bytes]:
    """Yield inputs made from seeds by a few edits each. The same arguments give the same inputs."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.randint(1, 4)):
            _EDITS[dice.randrange(len(_EDITS))](data, dice, seeds, words)
        yield bytes(data)


def _flip(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _replace(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def _insert(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = dice.randint(0, len(data))
    data[at:at] = dice.choice(words)


def _cut(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = dice.randint(0, len(data))
    del data[at : at + dice.randint(1, 1 + len(data) // 4)]


def _repeat(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    at = dice.randint(0, len(data))
    piece = bytes(data[at : at + dice.randint(1, 40)])
    data[at:at] = piece * dice.randint(1, 20)


def _splice(data: bytearray, dice: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> None:
    other = dice.choice(seeds)
    data[dice.randint(0, len(data)) :] = other[dice.randint(0, len(other)) :]


_EDITS = (_flip, _replace, _insert, _cut, _repeat, _splice)
