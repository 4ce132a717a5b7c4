"""Containers on a real engine, for tests."""

import http.client
import json
import os
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from tests.contract.conftest import MLFolderBuilder


def docker(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=timeout
    )


def run(image: str, *arguments: str, options: tuple[str, ...] = ()) -> str:
    """Run a command in a container and return what it printed."""
    done = docker("run", "--rm", "--entrypoint", arguments[0], *options, image, *arguments[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def job_folder(parent: Path) -> MLFolderBuilder:
    """A small job that any user may read and write."""
    builder = MLFolderBuilder(parent / "ml")
    builder.hyperparameters()
    builder.channel("train", builder.records(60))
    for folder, _, _ in os.walk(builder.root):
        Path(folder).chmod(0o777)
    return builder


class Container:
    """A container in the background."""

    def __init__(self, image: str, *arguments: str, options: tuple[str, ...] = ()) -> None:
        self.name = f"object2vec-test-{uuid.uuid4().hex[:12]}"
        done = docker("run", "--detach", "--name", self.name, *options, image, *arguments)
        assert done.returncode == 0, done.stderr

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        docker("rm", "--force", self.name)

    def inspect(self, template: str) -> str:
        return docker("inspect", "--format", template, self.name).stdout.strip()

    @property
    def log(self) -> str:
        done = docker("logs", self.name)
        return done.stdout + done.stderr

    def await_log(self, words: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.log:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def stop(self) -> tuple[int, float]:
        """Send SIGTERM; return the exit code and the seconds it took."""
        began = time.monotonic()
        docker("stop", "--time", "60", self.name)
        seconds = time.monotonic() - began
        return int(self.inspect("{{.State.ExitCode}}")), seconds

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Ask the server over the container's own network."""
        address = self.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
        connection = http.client.HTTPConnection(address, 8080, timeout=30)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def mounted(root: Path, place: str = "/opt/ml", mode: str = "") -> str:
    return f"--volume={root}:{place}{mode}"
