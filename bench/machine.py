"""Machine: where figures were taken, with what, and when."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.process import ROOT

_PACKAGES = (
    *("walkwire", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "websockets", "msgspec"),
    *("pydantic", "sqlalchemy", "socketify", "picows", "python-socketio"),
)
_NPM = ROOT / "bench" / "node_modules"


def describe() -> dict[str, str]:
    """Facts by name, to be read by people."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{_processor()}, {os.cpu_count()} cores{_shared()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "versions": ", ".join(_versions()),
    }


def load_average() -> float:
    """How many processes wanted to run, in the last minute."""
    return os.getloadavg()[0]


def _versions() -> Iterator[str]:
    for name in _PACKAGES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    node = _said("node", "--version")
    if node:
        yield f"node {node}"
    for package in ("ws", "socket.io"):
        if (about := _NPM / package / "package.json").exists():
            yield f"npm {package} {json.loads(about.read_text())['version']}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _shared() -> str:
    """Two threads of one core slow each other down: what the load client does is then felt by the server."""
    siblings = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    both = siblings.exists() and siblings.read_text().strip() != "0"
    return ", or threads of one core" if both else ""


def _commit() -> str:
    commit = _said("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(ROOT), "status", "--porcelain", "walkwire", "bench")
    return f"{commit}, with changes" if changed else commit


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except OSError:
        return ""
