"""Bodies: finds the declaration that each `impl` belongs to, in the file itself and in its annexes."""

from __future__ import annotations

from dataclasses import dataclass

from walkwire.jac.syntax.tree import Part, Token, Tree, name_of

_DECLARATIONS = frozenset(("function", "ability", "archetype", "enum"))
# Branches that contain no declarations.
_LEAVES = frozenset(
    ("expression_statement", "assignment", "annotated", "return", "has", "visit", "report", "assert")
)


@dataclass(frozen=True, slots=True)
class Given:
    """A body in another place: the `impl` that contains it."""

    tree: Tree


def match_bodies(trees: list[Tree]) -> dict[int, Given]:
    """Return the bodies of declarations, by the id() of the declaration. Of several bodies the last counts, as in Jac."""
    found = _Found()
    for tree in trees:
        found.look_at(tree.parts, ())
    given: dict[int, Given] = {}
    for within, impl in found.impls:
        path = _path(impl)
        declaration = found.declared.get((*within, *path)) or found.declared.get(path)
        if declaration is not None:
            given[id(declaration)] = Given(impl)
    return given


class _Found:
    """The declarations of a module by their paths, and its bodies with the paths of their surroundings."""

    def __init__(self) -> None:
        self.declared: dict[tuple[str, ...], Tree] = {}
        self.impls: list[tuple[tuple[str, ...], Tree]] = []

    def look_at(self, parts: list[Part], within: tuple[str, ...]) -> None:
        for part in parts:
            if not isinstance(part, Tree):
                continue
            if part.kind == "impl":
                self.impls.append((within, part))
                self.look_at(part.parts, (*within, *_path(part)))
            elif part.kind in _DECLARATIONS:
                token = part.token("NAME")
                path = (*within, name_of(token) if token else "")
                self.declared[path] = part
                self.look_at(part.parts, path)
            elif part.kind not in _LEAVES:
                self.look_at(part.parts, within)


def _path(impl: Tree) -> tuple[str, ...]:
    """Return the path of a body: ("Cat", "cry") for `impl Cat.cry` and for `:obj:Cat:can:cry`."""
    holder = impl.find("dotted") or impl.find("legacy_path")
    assert holder is not None
    return tuple(name_of(part) for part in holder.parts if isinstance(part, Token) and part.kind == "NAME")
