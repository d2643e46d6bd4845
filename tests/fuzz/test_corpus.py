"""The corpus of the fuzzing, and some mutations of it that are always the same: a moment of what `make fuzz` does for minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import bodies, frames
from tests.fuzz.targets import CORPUS, KNOWN, TARGETS, mutations

LARGEST = 200_000  # bytes of the whole corpus


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    bodies.close()
    frames.close()


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_finds_nothing(name: str) -> None:
    check, _ = TARGETS[name].load()
    seeds = TARGETS[name].seeds()
    assert seeds
    for path in seeds:
        check(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_the_corpus_find_nothing(name: str) -> None:
    target = TARGETS[name]
    check, words = target.load()
    seeds = [path.read_bytes() for path in target.seeds()]
    for data in mutations(seeds, words, target.mutations, name):
        try:
            check(data)
        except Exception as error:
            error.add_note(f"the input was {data!r}")
            raise


@pytest.mark.parametrize(
    "path", sorted(KNOWN.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
@pytest.mark.xfail(strict=True, reason="found, and not cured yet: when it is, move the input to the corpus")
def test_what_is_known_to_be_wrong(path: Path) -> None:
    check, _ = TARGETS[path.parent.name].load()
    check(path.read_bytes())


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) <= LARGEST
