"""Fetches the scripts of /docs and /redoc from npm into walkwire/server/http/pages/assets, in the versions that `docs.py` names.

Run it after a change of VERSIONS. The licences of the scripts come along.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from walkwire.server.http.pages.docs import VERSIONS

ASSETS = Path(__file__).parent.parent / "walkwire" / "server" / "http" / "pages" / "assets"
FILES = {
    "swagger-ui-dist": {
        "swagger-ui-bundle.js": "swagger-ui-bundle.js.gz",
        "swagger-ui.css": "swagger-ui.css.gz",
        "swagger-ui-bundle.js.LICENSE.txt": "swagger-ui-bundle.js.LICENSE.txt",
        "LICENSE": "swagger-ui.LICENSE.txt",
        "NOTICE": "swagger-ui.NOTICE.txt",
    },
    "redoc": {
        "bundles/redoc.standalone.js": "redoc.standalone.js.gz",
        "bundles/redoc.standalone.js.LICENSE.txt": "redoc.standalone.js.LICENSE.txt",
        "LICENSE": "redoc.LICENSE.txt",
    },
}
# ReDoc shows a picture of its makers from their server.
LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
EMPTY_PICTURE = b"data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def fetch(package: str, version: str, folder: Path) -> None:
    """Write the files of a package into ASSETS."""
    command = ["npm", "pack", "--silent", f"{package}@{version}"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603 - names of VERSIONS
    with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as archive:
        for name, target in FILES[package].items():
            member = archive.extractfile(f"package/{name}")
            assert member is not None, name
            content = member.read().replace(LOGO, EMPTY_PICTURE)
            packed = gzip.compress(content, 9, mtime=0) if target.endswith(".gz") else content
            (ASSETS / target).write_bytes(packed)
            print(f"{target}: {len(packed):,} bytes of {len(content):,}")


def main() -> int:
    """Fetch all packages."""
    ASSETS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for package, version in VERSIONS.items():
            fetch(package, version, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
