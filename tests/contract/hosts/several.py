"""Several hosts on one machine: the real `train` once a host, each with an ML folder of its own."""

import itertools
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.contract.conftest import MLFolderBuilder, Run, train_command


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True)
class HostRun(Run):
    """How a host's run ended, and when, by the monotonic clock."""

    ended: float


class SeveralHosts:
    """A job's hosts: 127.0.0.1, 127.0.0.2, ... which all are this machine."""

    def __init__(self, folder: Path, count: int) -> None:
        self.names = [f"127.0.0.{number}" for number in range(1, count + 1)]
        self.hosts = [MLFolderBuilder(folder / name) for name in self.names]
        self.command = train_command()
        self.variables = {"OBJECT2VEC_HOSTS_PORT": str(free_port())}
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.ended: dict[int, float] = {}
        self.distribution: dict[str, str] = {}
        for name, host in zip(self.names, self.hosts, strict=True):
            host.config("resourceconfig", {"current_host": name, "hosts": self.names})

    def hyperparameters(self, **changes: str) -> "SeveralHosts":
        for host in self.hosts:
            host.hyperparameters(**changes)
        return self

    def replicated(self, channel: str, records: list[object]) -> "SeveralHosts":
        return self._channel(channel, "FullyReplicated", [records] * len(self.hosts))

    def sharded(self, channel: str, parts: list[list[object]]) -> "SeveralHosts":
        return self._channel(channel, "ShardedByS3Key", parts)

    def _channel(
        self, channel: str, distribution: str, parts: list[list[object]]
    ) -> "SeveralHosts":
        self.distribution[channel] = distribution
        described = {
            name: {"TrainingInputMode": "File", "S3DistributionType": how}
            for name, how in self.distribution.items()
        }
        for host, part in zip(self.hosts, parts, strict=True):
            host.config("inputdataconfig", described)
            if part:
                host.channel(channel, part)
        return self

    def start(self, rank: int) -> None:
        host = self.hosts[rank]
        with (host.root / "log").open("wb") as log, (host.root / "errors").open("wb") as errors:
            self.processes[rank] = subprocess.Popen(
                self.command,
                env=host.environment(**self.variables),
                stdout=log,
                stderr=errors,
            )

    def start_all(self) -> None:
        for rank in range(len(self.hosts)):
            self.start(rank)

    def log(self, rank: int) -> str:
        return (self.hosts[rank].root / "log").read_text()

    def await_line(self, rank: int, line: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while line not in self.log(rank):
            assert time.monotonic() < deadline, self.log(rank)
            assert self.processes[rank].poll() is None, self.log(rank)
            time.sleep(0.05)

    def await_ends(self, seconds: float = 100) -> list[HostRun]:
        """Wait for all hosts, and return how they ended, by rank."""
        deadline = time.monotonic() + seconds
        while len(self.ended) < len(self.processes):
            for rank, process in self.processes.items():
                if rank not in self.ended and process.poll() is not None:
                    self.ended[rank] = time.monotonic()
            assert time.monotonic() < deadline, [self.log(rank) for rank in self.processes]
            time.sleep(0.02)
        return [self._run(rank) for rank in sorted(self.processes)]

    def _run(self, rank: int) -> HostRun:
        host = self.hosts[rank]
        failure = host.failure.read_text() if host.failure.is_file() else None
        errors = (host.root / "errors").read_text()
        code = self.processes[rank].returncode
        return HostRun(code, self.log(rank), errors, failure, self.ended[rank])

    def train(self) -> list[HostRun]:
        self.start_all()
        return self.await_ends()

    def children(self) -> list[int]:
        """Process ids of all parameter servers of this job, by a folder that only they have."""
        roots = {str(host.root) for host in self.hosts}
        found = []
        for entry in Path("/proc").iterdir():
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            named = dict(item.split(b"=", 1) for item in variables if b"=" in item)
            if named.get(b"OBJECT2VEC_ML_ROOT", b"").decode() in roots and named.get(
                b"DMLC_ROLE"
            ) in (b"server", b"scheduler"):
                found.append(int(entry.name))
        return found

    def kill(self, rank: int, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a host's process a signal; return when."""
        self.processes[rank].send_signal(number)
        return time.monotonic()

    def end_all(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


def lines_of(run: Run, *words: str) -> list[str]:
    """The lines of a log that hold one of the words, without their prefix and the host's name."""
    found = [line for line in run.log.splitlines() if any(word in line for word in words)]
    return [
        line.partition("] ")[2].replace(host, "HOST")
        for line, host in zip(found, itertools.repeat(_host_of(run)), strict=False)
    ]


def _host_of(run: Run) -> str:
    for line in run.log.splitlines():
        if "host=" in line:
            return line.partition("host=")[2].split(",")[0]
    return "no host"
