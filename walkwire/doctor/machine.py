"""Machine: checks of what the operating system gives: files, and the file system below a database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from walkwire.config import Config
from walkwire.doctor.finding import Finding
from walkwire.stores import kind_of

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]

MOUNTS = Path("/proc/self/mountinfo")  # proc(5)
SPARE = 1000  # files for the database, the program and requests

_IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs"})
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"}
)


def files(config: Config) -> Iterator[Finding]:
    """Check that the process may have as many files as connections."""
    if resource is None:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(config.anonymous_connections, config.address_connections, config.user_connections) + SPARE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        limit = "no limit" if soft == resource.RLIM_INFINITY else f"{soft}"
        yield Finding("ok", "files", f"open files of a process: {limit}")
    else:
        yield Finding(
            "warn",
            "files",
            f"A process may open {soft} files, and its limits let in {wanted - SPARE} connections. Set `ulimit -n {wanted}`"
            " or LimitNOFILE, or lower ANONYMOUS_CONNECTIONS",
        )


def disk(config: Config, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Check that a database in a file lies on a disk of this machine. Nothing where the system does not tell."""
    file = kind_of(config.database).file(config.database)
    if file is None or not mounts.exists():
        return
    kind = _file_system(file.resolve().parent, mounts.read_text())
    if kind in _IN_MEMORY:
        yield Finding(
            "wrong", "disk", f"{file} lies in memory ({kind}): it is gone after a restart. Put it on a disk"
        )
    elif kind in _NETWORK:
        yield Finding(
            "wrong",
            "disk",
            f"{file} lies on a network file system ({kind}), where SQLite's locks do not hold. Put it on a local disk, or use"
            " PostgreSQL",
        )
    elif kind == "overlay":
        yield Finding(
            "wrong",
            "disk",
            f"{file} lies in the container itself (overlay): it is gone with the container. Put it on a volume",
        )
    else:
        yield Finding("ok", "disk", f"{file} lies on {kind}")


def _file_system(folder: Path, mounts: str) -> str:
    """Return the kind of the file system of a folder: that of the longest mount point above it, the last of equals."""
    kind, longest = "an unknown file system", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].encode().decode("unicode_escape"))  # a space is \040
        if folder.is_relative_to(point) and len(point.parts) >= longest:
            kind, longest = after.split()[0], len(point.parts)
    return kind
