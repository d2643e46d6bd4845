"""Source: the files that make up a module."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A file: where it is, and what stands in it."""

    path: str
    text: str

    @property
    def is_test(self) -> bool:
        """Is this an annex with tests, which comes after the module?"""
        return self.path.endswith(".test.jac")
