"""What the machine and its control groups say, read from files as the system writes them."""

from pathlib import Path

import pytest

from object2vec.memory import free_memory, is_in_memory, memory_limit


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal:        8000 kB\nMemFree:         100 kB\n"}


def test_without_a_group_it_is_the_machine_s(tmp_path: Path) -> None:
    assert memory_limit(write(tmp_path, MEMINFO)) == 8000 * 1024
    write(tmp_path, {"sys/fs/cgroup/memory.max": "max\n"})
    assert memory_limit(tmp_path) == 8000 * 1024


@pytest.mark.parametrize(
    "file", ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"]
)
def test_a_container_s_group_counts_where_it_is_less(tmp_path: Path, file: str) -> None:
    write(tmp_path, MEMINFO | {file: "5000\n"})
    assert memory_limit(tmp_path) == 5000
    write(tmp_path, {file: "9223372036854771712\n"})
    assert memory_limit(tmp_path) == 8000 * 1024


@pytest.mark.parametrize(
    ("group", "folder", "file"),
    [
        ("0::/user/job\n", "sys/fs/cgroup", "memory.max"),
        ("3:cpu:/\n4:memory:/user/job\n", "sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ],
    ids=["version 2", "version 1"],
)
@pytest.mark.parametrize("of", ["user", "user/job"])
def test_the_limit_of_every_group_around_the_process_counts(
    tmp_path: Path, group: str, folder: str, file: str, of: str
) -> None:
    write(tmp_path, MEMINFO | {"proc/self/cgroup": group, f"{folder}/{of}/{file}": "6000\n"})
    assert memory_limit(tmp_path) == 6000


def test_it_is_guessed_where_nothing_tells_it(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) == 2**31


def test_this_machine_has_memory() -> None:
    assert memory_limit() > 2**26


def test_the_nearest_mount_says_whether_files_are_in_memory(tmp_path: Path) -> None:
    mounts = (
        "/dev/vda / ext4 rw 0 0\n"
        "tmpfs /run tmpfs rw 0 0\n"
        "/dev/vdb /run/disk ext4 rw 0 0\n"
        "tmpfs /a\\040b tmpfs rw 0 0\n"
    )
    write(tmp_path, {"proc/self/mounts": mounts})
    found = {name: is_in_memory(Path(name), tmp_path) for name in ("/", "/run/x", "/run/disk/x")}
    assert found == {"/": False, "/run/x": True, "/run/disk/x": False}
    assert is_in_memory(Path("/a b"), tmp_path)
    assert not is_in_memory(Path("/runs"), tmp_path)


V2 = "sys/fs/cgroup/memory."
V1 = "sys/fs/cgroup/memory/memory."
AVAILABLE = {
    "proc/meminfo": (
        "MemTotal:       9000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\nCached: 7 kB\n"
    )
}


def test_free_memory_is_the_machine_s_where_no_group_limits_it(tmp_path: Path) -> None:
    assert free_memory(write(tmp_path, AVAILABLE)) == 4000 * 1024
    write(tmp_path, {f"{V2}max": "max\n", f"{V2}current": "1000\n"})
    assert free_memory(tmp_path) == 4000 * 1024


@pytest.mark.parametrize(
    ("limit", "used"),
    [(f"{V2}max", f"{V2}current"), (f"{V1}limit_in_bytes", f"{V1}usage_in_bytes")],
    ids=["version 2", "version 1"],
)
def test_a_control_group_s_limit_counts_where_it_is_less(
    tmp_path: Path, limit: str, used: str
) -> None:
    write(tmp_path, AVAILABLE | {limit: "5000\n", used: "2000\n"})
    assert free_memory(tmp_path) == 3000
    write(tmp_path, {limit: "9223372036854771712\n"})
    assert free_memory(tmp_path) == 4000 * 1024
    write(tmp_path, {limit: "1000\n"})
    assert free_memory(tmp_path) == 0


def test_free_memory_is_guessed_where_nothing_tells_it(tmp_path: Path) -> None:
    assert free_memory(tmp_path) == 2**31
    write(tmp_path, {f"{V2}max": "", f"{V2}current": ""})
    assert free_memory(tmp_path) == 2**31
