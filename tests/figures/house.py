"""What the source tells by itself: lines, constructors, names, importers, docstrings. Nothing of it is run."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

MANY, BY_POSITION = 8, 3  # parameters of a constructor that are too many
FRAGMENTS = ("Of ", "Where ", "What ", "Who ", "Whoever ")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """A file: its module, its lines by kind, and its syntax tree."""

    def __init__(self, path: Path, top: Path) -> None:
        self.path, self.text = path, path.read_text()
        self.name = path.relative_to(top).as_posix()
        parts = path.relative_to(top.parent).with_suffix("").parts
        self.module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        self.room = self.name.partition("/")[0] if "/" in self.name else "(top)"
        self.tree = ast.parse(self.text)
        lines = self.text.splitlines()
        docs = {
            line
            for node in ast.walk(self.tree)
            if (each := docstring_of(node)) is not None
            for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)
        }
        blank = {number for number, line in enumerate(lines, 1) if not line.strip()} - docs
        readline = io.StringIO(self.text).readline
        comments = {
            token.start[0]
            for token in tokenize.generate_tokens(readline)
            if token.type == tokenize.COMMENT and not lines[token.start[0] - 1][: token.start[1]].strip()
        }
        self.blank, self.docs = len(blank), len(docs | comments)
        self.code = len(lines) - self.blank - self.docs

    def imports(self) -> Iterator[str]:
        """Yield the modules and the names in them that the file imports, wherever in it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module
                yield from (f"{node.module}.{each.name}" for each in node.names)


def docstring_of(node: ast.AST) -> ast.Expr | None:
    """Return the statement that is a node's docstring."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first if isinstance(first.value.value, str) else None
    return None


def sources(top: Path) -> list[Source]:
    """Return the files of a package."""
    return [Source(path, top) for path in sorted(top.rglob("*.py"))]


def table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table in Markdown; numbers stand at the right."""
    marks = ["---:" if rows and isinstance(rows[0][at], int) else "---" for at in range(len(heads))]
    lines = [heads, tuple(marks), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def rooms(found: list[Source]) -> str:
    """Lines by room, and how often `Any` stands there."""
    by_room: dict[str, list[Source]] = defaultdict(list)
    for each in found:
        by_room[each.room].append(each)

    def row(name: str, files: list[Source]) -> tuple[object, ...]:
        anything = sum(
            isinstance(node, ast.Name) and node.id == "Any" for each in files for node in ast.walk(each.tree)
        )
        lines = (sum(each.code for each in files), sum(each.docs for each in files))
        return (name, len(files), *lines, sum(each.blank for each in files), anything)

    rows = [row(name, files) for name, files in sorted(by_room.items())]
    return table(("room", "files", "code", "docs", "blank", "Any"), [*rows, row("**all**", found)])


def constructors(found: list[Source]) -> str:
    """Constructors with too many parameters, those of dataclasses, named tuples and structs included."""
    rows: list[tuple[object, ...]] = []
    for each in found:
        for node in ast.walk(each.tree):
            if isinstance(node, ast.ClassDef) and (counts := _parameters(node)) is not None:
                count, positional = counts
                if count > MANY or positional > BY_POSITION:
                    rows.append((f"{each.name} {node.name}", count, positional))
    rows.sort(key=lambda row: (-int(str(row[1])), str(row[0])))
    much = [row for row in rows if int(str(row[1])) > MANY]
    told = f"{len(much)} constructors take more than {MANY}; {len(rows)} take more than {BY_POSITION} by position.\n\n"
    return told + table(("constructor", "parameters", "by position"), much)


def _parameters(node: ast.ClassDef) -> tuple[int, int] | None:
    for each in node.body:
        if isinstance(each, Function) and each.name == "__init__":
            by_position = len(each.args.posonlyargs) + len(each.args.args) - 1
            return by_position + len(each.args.kwonlyargs), by_position
    marks = [ast.unparse(each) for each in (*node.decorator_list, *node.bases, *node.keywords)]
    if not any("dataclass" in mark or "NamedTuple" in mark or "Struct" in mark for mark in marks):
        return None
    fields = sum(
        isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each) for each in node.body
    )
    return fields, 0 if any("kw_only=True" in mark for mark in marks) else fields


def file_names(found: list[Source]) -> str:
    """Names that several files have."""
    names = Counter(each.path.name for each in found if each.path.stem != "__init__")
    shared = {name: count for name, count in names.items() if count > 1}
    most = ", ".join(
        f"`{name}` {count}" for name, count in sorted(shared.items(), key=lambda pair: -pair[1])[:12]
    )
    return f"{len(shared)} names serve {sum(shared.values())} of {sum(names.values())} files: {most}, …\n"


def importers(found: list[Source]) -> str:
    """Files that only one other file imports."""
    modules = {each.module: each for each in found}
    readers: dict[str, set[str]] = defaultdict(set)
    for each in found:
        for name in each.imports():
            if name in modules and name != each.module:
                readers[name].add(each.module)
    lone = [
        modules[name]
        for name, by in readers.items()
        if len(by) == 1 and modules[name].path.stem != "__init__"
    ]
    short = [each.name for each in lone if len(each.text.splitlines()) < 60]
    return f"{len(lone)} files have one importer; {len(short)} of them have under 60 lines.\n"


def docstrings(found: list[Source]) -> str:
    """Docstrings, and those that begin as a fragment of a sentence does."""
    texts = [
        ast.get_docstring(node) or "" for each in found for node in ast.walk(each.tree) if docstring_of(node)
    ]
    broken = [text for text in texts if text.startswith(FRAGMENTS)]
    return f"{len(texts)} docstrings; {len(broken)} begin with {', '.join(word.strip() for word in FRAGMENTS)}.\n"
