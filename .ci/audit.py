"""Audit: lists what an installation of walkwire consists of, and compares it with known advisories and allowed licences.

    .venv/bin/python .ci/audit.py [SBOM]

It asks no service: the advisories are those of `.ci/advisories.toml`, which people keep. It writes a bill of materials in the
format CycloneDX 1.6 to the file SBOM, and exits with 1 and one line for each problem:

- an installed package with a known advisory, those of tools for developers included;
- a lower bound in `pyproject.toml` that allows a version with one;
- a package without a licence, or with one that is not allowed.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

LISTS = Path(__file__).with_name("advisories.toml")
ROOT = "walkwire"
FOR_DEVELOPERS = frozenset({"dev", "fuzz"})  # extras that are not part of the bill

Find = Callable[[str], Distribution]


class Advisory(NamedTuple):
    """A known weakness: which versions of which package have it."""

    id: str
    package: str
    vulnerable: SpecifierSet

    def hits(self, package: str, version: str) -> bool:
        return self.package == package and self.vulnerable.contains(version, prereleases=True)


class Lists(NamedTuple):
    """What people keep.

    - allowed: SPDX ids of licences
    - licences: of packages whose metadata does not tell, SPDX expressions by name
    - bundled: what packages carry inside, by their names
    """

    advisories: list[Advisory]
    allowed: frozenset[str]
    licences: dict[str, str]
    bundled: dict[str, list[dict[str, str]]]

    @classmethod
    def read(cls, file: Path = LISTS) -> Lists:
        content = tomllib.loads(file.read_text())
        advisories = [
            Advisory(one["id"], canonicalize_name(one["package"]), SpecifierSet(one["vulnerable"]))
            for one in content["advisory"]
        ]
        return cls(advisories, frozenset(content["allowed"]), content["licences"], content.get("bundled", {}))


class Part(NamedTuple):
    """An installed package: its canonical name, and those of the packages that it needs."""

    name: str
    version: str
    licence: str | None
    needs: tuple[str, ...]


def parts_of(root: str, extras: Iterable[str], lists: Lists, find: Find = distribution) -> dict[str, Part]:
    """Return a package and all that it needs, by name, as far as they are installed."""
    found: dict[str, Part] = {}
    asked: dict[str, set[str]] = {}
    waiting = [(canonicalize_name(root), frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        if name in found and wanted <= asked[name]:
            continue
        asked.setdefault(name, set()).update(wanted)
        try:
            package = find(name)
        except PackageNotFoundError:
            continue  # what is not installed has to do with another platform, or another extra
        needs = list(_needs(package, asked[name]))
        names = tuple(sorted({canonicalize_name(need.name) for need in needs} - {name}))
        found[name] = Part(name, package.version, licence_of(package, name, lists.licences), names)
        waiting += [(canonicalize_name(need.name), frozenset(need.extras)) for need in needs]
    return {
        name: part._replace(needs=tuple(one for one in part.needs if one in found))
        for name, part in sorted(found.items())
    }


def _needs(package: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for text in package.requires or ():
        need = Requirement(text)
        if need.marker is None or any(need.marker.evaluate({"extra": one}) for one in {"", *extras}):
            yield need


def licence_of(package: Distribution, name: str, known: dict[str, str]) -> str | None:
    """Return the licence of a package as an SPDX expression: what people know, or what its metadata says (PEP 639)."""
    return known.get(name) or package.metadata.get("License-Expression")


def problems(
    parts: Iterable[Part], shipped: Iterable[str], needs: Iterable[str], lists: Lists
) -> Iterator[str]:
    """Return a sentence for each problem.

    - shipped: names of the parts that users install
    - needs: the requirements of walkwire itself
    """
    shipped = set(shipped)
    for part in parts:
        for advisory in lists.advisories:
            if advisory.hits(part.name, part.version):
                yield f"{part.name} {part.version} is installed and has {advisory.id} ({advisory.vulnerable})"
        if part.name in shipped and part.licence is None:
            yield f"{part.name}: no licence in its metadata; add it to the table [licences] of {LISTS.name}"
        elif part.name in shipped and not _is_allowed(str(part.licence), lists.allowed):
            yield f"{part.name}: its licence, {part.licence}, is not among those that are allowed"
    for text in needs:
        need = Requirement(text)
        lowest = lowest_of(need)
        for advisory in lists.advisories:
            if lowest is not None and advisory.hits(canonicalize_name(need.name), lowest):
                yield f"{need.name}>={lowest} is allowed by pyproject.toml and has {advisory.id}"


def lowest_of(need: Requirement) -> str | None:
    """Return the lowest version that a requirement allows; None: it has no lower bound."""
    found = [one.version for one in need.specifier if one.operator in (">=", "==", "~=")]
    return max(found, key=Version, default=None)


def _is_allowed(licence: str, allowed: frozenset[str]) -> bool:
    """Return whether the licences are allowed: one of those between `OR`, all of those between `AND`."""
    choices = re.split(r"\s+OR\s+", licence.strip("()"))
    return any(all(one in allowed for one in re.split(r"\s+AND\s+", choice)) for choice in choices)


def bill_of(root: str, parts: dict[str, Part], lists: Lists) -> dict[str, Any]:
    """Return the bill of materials: the same bytes for the same packages."""
    components = [_component(part, lists.bundled.get(part.name, [])) for part in parts.values()]
    main = next(one for one in components if one["name"] == root)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": main | {"type": "application"}},
        "components": [one for one in components if one is not main],
        "dependencies": [
            {"ref": _url(part), "dependsOn": [_url(parts[need]) for need in part.needs]}
            for part in parts.values()
        ],
    }
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bill, sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "serialNumber": f"urn:uuid:{number}",
    } | bill


def _component(part: Part, bundled: list[dict[str, str]]) -> dict[str, Any]:
    component = {
        "type": "library",
        "bom-ref": _url(part),
        "name": part.name,
        "version": part.version,
        "purl": _url(part),
        "licenses": [{"expression": part.licence}] if part.licence else [],
    }
    if bundled:
        component["components"] = [
            {"type": "library", "name": one["name"], "licenses": [{"expression": one["licence"]}]}
            | ({"version": one["version"]} if "version" in one else {})
            for one in bundled
        ]
    return component


def _url(part: Part) -> str:
    return f"pkg:pypi/{part.name}@{part.version}"


def main(arguments: list[str]) -> int:
    lists = Lists.read()
    extras = set(distribution(ROOT).metadata.get_all("Provides-Extra") or ())
    shipped = parts_of(ROOT, extras - FOR_DEVELOPERS, lists)
    installed = shipped | parts_of(ROOT, extras, lists)
    if arguments:
        Path(arguments[0]).write_text(json.dumps(bill_of(ROOT, shipped, lists), indent=1) + "\n")
    needs = distribution(ROOT).requires or ()
    found = list(problems(installed.values(), shipped, needs, lists))
    for problem in found:
        print(problem, file=sys.stderr)
    print(
        f"Audit: {len(shipped)} packages in the bill of materials, {len(installed)} with those for developers, "
        f"{len(lists.advisories)} advisories: {len(found)} problems"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
