"""What is published: the metadata, what is in the wheel and in the source, and a wheel that works in a clean environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from packaging.metadata import Metadata

from tests.conftest import Once

REPOSITORY = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LARGEST = 85_000_000  # bytes of all that `pip install walkwire` brings, compiled modules included


def test_each_supported_python_is_named_once_in_each_place() -> None:
    named = {
        found[1] for line in PROJECT["classifiers"] if (found := re.fullmatch(r".*Python :: (3\.\d+)", line))
    }
    supported = re.search(r"SUPPORTED=\((.*)\)", (REPOSITORY / ".ci" / "pythons").read_text())
    assert supported is not None
    assert named == set(supported[1].split())
    assert PROJECT["requires-python"] == f">={min(named, key=lambda one: int(one[2:]))}"


def test_the_changelog_has_the_version() -> None:
    assert PROJECT["version"] in (REPOSITORY / "CHANGELOG.md").read_text()


def test_the_licence_covers_what_is_bundled() -> None:
    lists = tomllib.loads((REPOSITORY / ".ci" / "advisories.toml").read_text())
    bundled = {part["licence"] for part in lists["bundled"]["walkwire"]}
    assert bundled <= set(PROJECT["license"].split(" AND "))
    files = {path for pattern in PROJECT["license-files"] for path in REPOSITORY.glob(pattern)}
    texts = {
        path
        for path in (REPOSITORY / "walkwire").rglob("*.txt")
        if re.search("license|licence|notice", path.name, re.IGNORECASE)
    }
    assert files == {REPOSITORY / "LICENSE", *texts}


def test_all_is_every_extra_of_a_server() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    assert set(re.split(r"[\[\],]", everything)) - {"walkwire", ""} == set(extras) - {
        "all",
        "docs",
        "dev",
        "fuzz",
        "testing",
    }


def run(*command: str | Path, folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WALKWIRE_", "PYTHON"))}
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "dist"
    folder.mkdir(exist_ok=True)
    return folder


def make_environment(folder: Path, package: str | Path) -> Path:
    """Make an environment in which a package is installed, if it is not there, and return the folder of its programs."""
    bin, done = folder / "bin", folder / "done"
    if not done.exists():
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", folder, folder=folder.parent)
        pip = (
            sys.executable,
            "-m",
            "pip",
            "--python",
            bin / "python",
            "--quiet",
            "--disable-pip-version-check",
        )
        run(*pip, "install", package, folder=folder.parent)
        done.touch()
    return bin


@pytest.fixture(scope="session")
def built(dist: Path, once: Once) -> Path:
    """A folder with the wheel and the source distribution."""
    with once("built"):
        if not list(dist.glob("*.whl")):
            bin = make_environment(dist / "builder", "hatchling")
            run(bin / "hatchling", "build", "-d", dist, folder=REPOSITORY)
    return dist


@pytest.fixture(scope="session")
def installed(built: Path, once: Once) -> Path:
    """The programs of a clean environment in which the wheel was installed."""
    (wheel,) = built.glob("*.whl")
    with once("installed"):
        return make_environment(built / "user", wheel)


@pytest.mark.long
def test_the_wheel_and_the_source_hold_what_they_should(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    package = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "walkwire").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert inside == package
    assert "walkwire/py.typed" in inside
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(opened.read(name), validate=True)  # as the index does at an upload
    assert (metadata.license_expression, metadata.description_content_type) == (
        PROJECT["license"],
        "text/markdown",
    )
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package <= names
    assert {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "SECURITY.md",
        "pyproject.toml",
        "docs/quickstart.md",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "clients/", "examples/"))]


@pytest.mark.long
@pytest.mark.parametrize("options", [[], ["--python"]])
def test_a_new_project_is_served_by_the_wheel(options: list[str], installed: Path, tmp_path: Path) -> None:
    said = run(installed / "walkwire", "new", "notes", *options, folder=tmp_path)
    program = "main.py" if options else "main.jac"
    assert f"walkwire serve {program}" in said
    if not options:
        assert "1 passed" in run(installed / "walkwire", "test", program, folder=tmp_path / "notes")
    server = subprocess.Popen(
        [installed / "walkwire", "serve", program, "--port", "0"],
        cwd=tmp_path / "notes",
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = next(found[1] for line in server.stdout if (found := re.match(r"API: (.*)/docs", line)))
        account = {"email": "ada@example.com", "password": "correct horse battery staple"}
        post(url, "/user/register", account)
        token = post(url, "/user/login", account)["token"]
        post(url, "/walker/write_note", {"text": "hello"}, token)
        (notes,) = post(url, "/walker/read_notes", {}, token)["reports"]
        assert [note["context"]["text"] for note in notes] == ["hello"]
        with urlopen(f"{url}/docs") as page:
            assert page.status == 200
    finally:
        server.terminate()
        assert server.wait(30) == 0
        server.stdout.close()


def post(url: str, path: str, body: dict[str, Any], token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urlopen(Request(url + path, json.dumps(body).encode(), headers)) as answer:
        return json.loads(answer.read())


@pytest.mark.long
def test_an_installation_stays_small(installed: Path) -> None:
    (packages,) = (installed.parent / "lib").glob("python3*/site-packages")
    tools = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
    size = sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and path.relative_to(packages).parts[0].split("-")[0] not in tools
    )
    assert size < LARGEST
