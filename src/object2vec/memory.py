"""How much memory this process may use, and how much is free: the machine's, or a group's."""

import os
from collections.abc import Iterator
from pathlib import Path

_V1_FILE = "memory.limit_in_bytes"
_V2_FILE = "memory.max"
_GUESS = 2**31  # where nothing tells it


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes that this process may use: physical memory, or its control group's limit.

    A container sees its own group at the top of `/sys/fs/cgroup`; outside of one the group is found
    by its path, and every group above it counts too.

    Args:
        root: Where `proc` and `sys` are found.
    """
    limits = [int(text) for text in _limits(root) if text.isdigit()]
    for line in _lines(root / "proc/meminfo"):
        name, _, amount = line.partition(":")
        if name == "MemTotal":
            limits.append(int(amount.split()[0]) * 1024)
    return min(limits, default=_GUESS)


def free_memory(root: Path = Path("/")) -> int:
    """Return the bytes of memory that are free: the machine's, or fewer where a cgroup says so.

    Args:
        root: Where `proc` and `sys` are found.
    """
    free = [
        _first_number(line.split()[1]) * 1024
        for line in _lines(root / "proc/meminfo")
        if line.startswith("MemAvailable:")
    ]
    for limit, used in (
        ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
        (
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        limits, uses = _lines(root / limit), _lines(root / used)
        if limits and uses and limits[0].isdigit():
            free.append(max(0, int(limits[0]) - int(uses[0])))
    return min(free, default=_GUESS)


def is_in_memory(folder: Path, root: Path = Path("/")) -> bool:
    """Return whether files below `folder` take memory and no disk: a tmpfs or ramfs is there."""
    kind, longest = "", -1
    place = os.path.realpath(folder)
    for line in _lines(root / "proc/self/mounts"):
        _, mounted, filesystem, *_ = line.split(" ")
        mounted = mounted.replace("\\040", " ")
        if os.path.commonpath([mounted, place]) == mounted and len(mounted) >= longest:
            kind, longest = filesystem, len(mounted)
    return kind in ("tmpfs", "ramfs")


def _limits(root: Path) -> Iterator[str]:
    groups = root / "sys/fs/cgroup"
    for line in ("0::/", "0:memory:/", *_lines(root / "proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, file = (groups / "memory", _V1_FILE) if controllers else (groups, _V2_FILE)
        group = top / path.lstrip("/")
        while group.is_relative_to(top):
            yield from _lines(group / file)[:1]
            group = group.parent


def _first_number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
