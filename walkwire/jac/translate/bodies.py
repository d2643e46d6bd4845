"""Bodies given elsewhere: which `impl` belongs to which declaration, in the file itself and in its annexes."""

from __future__ import annotations

from dataclasses import dataclass

from walkwire.jac.tree import Part, Token, Tree, name_of

_DECLARATIONS = frozenset(("function", "ability", "archetype", "enum"))


@dataclass(frozen=True, slots=True)
class Given:
    """A body found elsewhere: the `impl` that holds it."""

    tree: Tree


def match_bodies(trees: list[Tree]) -> dict[int, Given]:
    """For the id() of each declaration that has one, its body elsewhere. Of several the last counts, as in Jac."""
    declared: dict[tuple[str, ...], Tree] = {}
    impls: list[tuple[tuple[str, ...], Tree]] = []
    for tree in trees:
        _collect(tree.parts, (), declared, impls)
    given: dict[int, Given] = {}
    for within, impl in impls:
        path = _path(impl)
        declaration = declared.get((*within, *path)) or declared.get(path)
        if declaration is None:
            continue
        given[id(declaration)] = Given(impl)
        # What stands in the body may be declared there, and given elsewhere again.
    return given


def _collect(
    parts: list[Part],
    within: tuple[str, ...],
    declared: dict[tuple[str, ...], Tree],
    impls: list[tuple[tuple[str, ...], Tree]],
) -> None:
    for part in parts:
        if not isinstance(part, Tree):
            continue
        if part.kind in ("documented", "documented_member"):
            _collect(part.parts, within, declared, impls)
        elif part.kind == "impl":
            impls.append((within, part))
            path = (*within, *_path(part))
            for block in part.find_all("block"):
                _collect(block.parts, path, declared, impls)
        elif part.kind in _DECLARATIONS:
            token = part.token("NAME")
            path = (*within, name_of(token) if token else "")
            declared[path] = part
            for kind in ("members", "block", "enum_members"):
                for holder in part.find_all(kind):
                    _collect(holder.parts, path, declared, impls)


def _path(impl: Tree) -> tuple[str, ...]:
    """`impl Cat.cry` and `:obj:Cat:can:cry` are both ("Cat", "cry")."""
    holder = impl.find("dotted") or impl.find("legacy_path")
    assert holder is not None
    return tuple(
        name_of(part) for part in holder.parts if isinstance(part, Token) and part.kind == "NAME"
    )
