"""`python -m tests.figures [FOLDER]` prints figures of the package in FOLDER (this repository's `walkwire`), as Markdown.

`--ways` prints instead through how many files and functions of the imported walkwire four calls go.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from tests.figures import house, ways

HERE = Path(__file__).parent.parent.parent

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / "walkwire")
    parser.add_argument("--ways", action="store_true")
    arguments = parser.parse_args()
    if arguments.ways:
        print(asyncio.run(ways.measured()))
    else:
        found = house.sources(arguments.folder.resolve())
        for part in (house.rooms, house.constructors, house.file_names, house.importers, house.docstrings):
            print(f"## {part.__name__.replace('_', ' ').capitalize()}\n\n{part(found)}")
