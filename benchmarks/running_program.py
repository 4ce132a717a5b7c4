"""A program run to its end: what it printed and what it used; for the benchmarks of training."""

import os
import re
import resource
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MEBIBYTE = 2**20


@dataclass(frozen=True)
class Finished:
    """A program that has ended well.

    Attributes:
        log: What it printed.
        cpu: Seconds of processor time.
        resident: Highest resident memory in MiB, pages of mapped files among it.
        own: Highest own memory in MiB, which the system cannot take away.
    """

    log: str
    cpu: float
    resident: float
    own: float


def run(
    command: Sequence[str], variables: Mapping[str, str], megabytes: int | None = None
) -> Finished:
    """Run a program.

    Memory is read from the process while it runs: what the system tells of a process that has ended
    begins with the memory of the one that started it.

    Args:
        command: The program and its arguments.
        variables: Its environment.
        megabytes: What its heap and private memory may take; pages of mapped files do not count.
    """
    resident = own = 0.0

    def watch(process: int, is_over: threading.Event) -> None:
        nonlocal resident, own
        while not is_over.wait(0.1):
            resident = max(resident, _mebibytes(process, "status", "VmHWM"))
            own = max(own, _mebibytes(process, "smaps_rollup", "Anonymous"))

    is_over = threading.Event()
    with subprocess.Popen(
        command, env=dict(variables), stdout=subprocess.PIPE, text=True
    ) as process:
        if megabytes is not None:
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (megabytes * _MEBIBYTE,) * 2)
        watcher = threading.Thread(target=watch, args=(process.pid, is_over))
        watcher.start()
        assert process.stdout is not None
        log = process.stdout.read()
        is_over.set()
        watcher.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log[-2000:]}")
    return Finished(log, usage.ru_utime + usage.ru_stime, resident, own)


def _mebibytes(process: int, file: str, name: str) -> float:
    try:
        text = Path(f"/proc/{process}/{file}").read_text()
    except OSError:  # it has just ended
        return 0.0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0
