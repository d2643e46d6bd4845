"""The audit of dependencies: what it finds in stand-ins for installed packages, and that its lists are in order."""

from __future__ import annotations

import importlib.util
import json
import sys
import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

REPOSITORY = Path(__file__).parent.parent


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("audit", REPOSITORY / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module
    spec.loader.exec_module(module)
    return module


audit = _load()


class Package:
    """An installed package, as importlib.metadata shows it."""

    def __init__(self, version: str, licence: str | None = "MIT", *requires: str) -> None:
        self.version = version
        self.requires = list(requires)
        self.metadata = Message()
        if licence:
            self.metadata["License-Expression"] = licence


INSTALLED = {
    "walkwire": Package(
        "1.0",
        "MIT",
        "Web_Server>=2",
        "uvloop; sys_platform == 'nowhere'",
        "driver[fast]>=3; extra == 'postgres'",
        "linter; extra == 'dev'",
    ),
    "web-server": Package("2.5", "BSD-3-Clause", "core"),
    "core": Package("0.1", "MIT OR GPL-3.0-only", "web.server"),  # in a circle
    "driver": Package("3.0", "LGPL-3.0-only", "speed; extra == 'fast'", "absent; extra == 'slow'"),
    "speed": Package("1", "MIT AND PSF-2.0"),
    "linter": Package("9", "GPL-3.0-only"),
}
ALLOWED = frozenset({"MIT", "BSD-3-Clause", "LGPL-3.0-only", "PSF-2.0"})


def find(name: str) -> Package:
    try:
        return INSTALLED[name]
    except KeyError:
        raise PackageNotFoundError(name) from None


def lists(*advisories: tuple[str, str, str], **licences: str) -> Any:
    made = [audit.Advisory(id, package, SpecifierSet(range)) for id, package, range in advisories]
    return audit.Lists(made, ALLOWED, licences, {"driver": [{"name": "libpq", "licence": "PostgreSQL"}]})


def parts(extras: set[str], kept: Any = None) -> dict[str, Any]:
    return audit.parts_of("walkwire", extras, kept or lists(), find)


def found(kept: Any, needs: tuple[str, ...] = ()) -> list[str]:
    shipped = parts({"postgres"}, kept)
    return list(audit.problems(parts({"postgres", "dev"}, kept).values(), shipped, needs, kept))


def test_all_that_is_needed_is_found_with_its_extras_and_nothing_else() -> None:
    assert list(parts(set())) == ["core", "walkwire", "web-server"]
    assert list(parts({"postgres"})) == ["core", "driver", "speed", "walkwire", "web-server"]
    assert parts({"postgres"})["walkwire"].needs == ("driver", "web-server")


def test_a_sound_installation_has_no_problem() -> None:
    assert found(lists(("CVE-1", "web-server", "<2.5"), ("CVE-2", "other", ">0"))) == []


@pytest.mark.parametrize("package", ["core", "linter"])
def test_an_advisory_is_a_problem_also_of_a_tool_for_developers(package: str) -> None:
    (problem,) = found(lists(("CVE-1", package, "<10")))
    assert problem.startswith(f"{package} ")
    assert "CVE-1" in problem


def test_a_lower_bound_that_allows_an_advisory_is_a_problem() -> None:
    kept = lists(("CVE-1", "web-server", ">=2,<2.1"))
    needs = ("Web.Server>=2,<3", "driver>=3", "uvloop")
    assert found(kept, needs) == ["Web.Server>=2 is allowed by pyproject.toml and has CVE-1"]
    assert found(kept, ("web-server>=2.1",)) == []


def test_a_licence_that_is_missing_or_not_allowed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INSTALLED, "core", Package("0.1", None))
    monkeypatch.setitem(INSTALLED, "speed", Package("1", "MIT AND GPL-3.0-only"))
    first, second = found(lists())
    assert first.startswith("core: no licence")
    assert second.startswith("speed: its licence, MIT AND GPL-3.0-only, is not")
    assert found(lists(core="MIT", speed="MIT")) == [], "people may know better"


def test_the_bill_names_every_part_with_what_it_needs_and_carries_and_is_always_the_same() -> None:
    bill = audit.bill_of("walkwire", parts({"postgres"}), lists())
    assert bill == audit.bill_of("walkwire", parts({"postgres"}), lists())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/walkwire@1.0"
    components = {one["name"]: one for one in bill["components"]}
    assert set(components) == {"core", "driver", "speed", "web-server"}
    assert components["speed"]["licenses"] == [{"expression": "MIT AND PSF-2.0"}]
    assert components["driver"]["components"][0]["name"] == "libpq"
    edges = {one["ref"]: one["dependsOn"] for one in bill["dependencies"]}
    assert edges["pkg:pypi/driver@3.0"] == ["pkg:pypi/speed@1"]
    json.dumps(bill)


def test_the_lists_can_be_read_and_name_each_advisory_once() -> None:
    kept = audit.Lists.read()
    ids = [one.id for one in kept.advisories]
    assert len(ids) == len(set(ids))
    assert all(one.vulnerable for one in kept.advisories), "an empty range is every version"
    for licence in kept.licences.values():
        assert audit._is_allowed(licence, kept.allowed), licence


def test_no_lower_bound_of_this_repository_allows_a_version_with_an_advisory() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    needs = [*project["dependencies"], *(need for extra in extras for need in extra)]
    assert list(audit.problems((), (), needs, audit.Lists.read())) == []
    unbounded = [one for one in needs if audit.lowest_of(Requirement(one)) is None]
    assert {Requirement(one).name for one in unbounded} == {"walkwire"}
