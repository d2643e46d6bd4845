"""What the operating system gives."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from walkwire.config import Config
from walkwire.doctor import machine

MOUNTS = """\
22 1 254:0 / / rw - {root} /dev/root rw
25 22 0:23 / /dev/shm rw,nosuid - tmpfs tmpfs rw
26 22 0:24 / /data rw shared:1 - ext4 /dev/sdb rw
27 26 0:25 / /data/far rw - nfs4 server:/far rw
28 22 0:26 / /my\\040disk rw - tmpfs none rw
a line that is cut
"""


@pytest.mark.parametrize(
    ("file", "root", "level"),
    [
        ("/data/w.db", "ext4", "ok"),
        ("/data/far/w.db", "ext4", "wrong"),
        ("/data/farther/w.db", "ext4", "ok"),
        ("/dev/shm/w.db", "ext4", "wrong"),
        ("/my%20disk/w.db", "ext4", "wrong"),
        ("/w.db", "overlay", "wrong"),
        ("/w.db", "xfs", "ok"),
    ],
)
def test_a_database_lies_on_a_disk_of_this_machine(file: str, root: str, level: str, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(root=root))
    (found,) = machine.disk(Config(database=f"sqlite:///{file}"), mounts)
    assert found.level == level


def test_where_there_is_no_file_or_no_table_nothing_is_found(tmp_path: Path) -> None:
    assert not list(machine.disk(Config(database="postgresql://localhost/x")))
    assert not list(machine.disk(Config(), tmp_path / "absent"))


def test_a_process_may_open_as_many_files_as_it_lets_in_connections() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert [each.level for each in machine.files(Config(anonymous_connections=1))] == [
        "ok" if soft >= machine.SPARE + 1 else "warn"
    ]
    (found,) = machine.files(Config(anonymous_connections=soft))
    assert (found.level, "ulimit -n" in found.sentence) == ("warn", True)
