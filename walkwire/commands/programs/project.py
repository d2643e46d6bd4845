"""New: create a project in Jac or Python, with a walker, a test and a README (`walkwire new`)."""

from __future__ import annotations

import re
from pathlib import Path

from walkwire.errors import StartError

_JAC = {
    "main.jac": '''"""NAME: a list of notes, each user's own."""

import from walkwire { socket }

node Note {
    has text: str;
}

"""Writes a note and tells all windows of its user."""
walker write_note {
    has text: str;

    can write with `root entry {
        note = here ++> Note(text=self.text);
        socket.notify_users([here], {"type": "note", "data": note[0]});
        report note[0];
    }

    class __specs__ {
        has methods: list = ["post", "websocket"];
    }
}

"""Reports the notes, oldest first."""
walker read_notes {
    can read with `root entry {
        report [-->](`?Note);
    }

    class __specs__ {
        has methods: list = ["post", "websocket"];
    }
}
''',
    "main.test.jac": """test a_note_is_written_and_read {
    root spawn write_note(text="hello");
    reader = root spawn read_notes();
    assert [note.text for note in reader.reports[0]] == ["hello"];
}
""",
}
_PYTHON = {
    "main.py": '''"""NAME: a list of notes, each user's own."""

from walkwire import Node, Root, Walker, on_entry, socket, specs


class Note(Node):
    text: str


@specs(methods=["post", "websocket"])
class write_note(Walker):
    """Writes a note and tells all windows of its user."""

    text: str

    @on_entry
    def write(self, here: Root) -> None:
        note = here.connect(Note(text=self.text))
        socket.notify_users([here], {"type": "note", "data": note})
        self.report(note)


@specs(methods=["post", "websocket"])
class read_notes(Walker):
    """Reports the notes, oldest first."""

    @on_entry
    def read(self, here: Root) -> None:
        self.report(here.out(Note))
''',
    "test_main.py": """import asyncio

from walkwire.testing import serve


def test_a_note_is_written_and_read() -> None:
    async def story() -> None:
        async with serve("main.py") as app:
            ada = await app.user()
            await ada.post("write_note", text="hello")
            (notes,) = (await ada.post("read_notes")).reports
            assert [note["context"]["text"] for note in notes] == ["hello"]

    asyncio.run(story())
""",
}
_README = """# NAME

    walkwire serve FILE     # REST at http://127.0.0.1:8000/docs, live at ws://127.0.0.1:8000/websocket
    TEST

Users register at `POST /user/register` and log in at `POST /user/login`; what a walker writes is kept in `walkwire.db`.
"""
_IGNORED = "walkwire.db*\n*.secret\n__pycache__/\n__jac_cache__/\n.venv/\n"


def make_project(folder: Path, language: str) -> list[Path]:
    """Create `folder` with a project in "jac" or "python", and return the files. Raises StartError if the folder exists or its
    name is not allowed.
    """
    name = folder.resolve().name
    if not re.fullmatch(r"[\w.-]+", name):
        raise StartError(f"A project's name is made of letters, digits, '_', '-' and '.', not {name!r}")
    if folder.exists():
        raise StartError(f"{folder} is there already")
    files = dict(_JAC if language == "jac" else _PYTHON)
    main = next(iter(files))
    test = f"walkwire test {main}" if language == "jac" else "python -m pytest"
    files["README.md"] = _README.replace("FILE", main).replace("TEST", test)
    files[".gitignore"] = _IGNORED
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text.replace("NAME", name), encoding="utf-8")
    return [folder / file for file in files]
