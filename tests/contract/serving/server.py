"""The real `serve` on a free port, and a client that sends it what a test says."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

START_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        """Every line's value; the last line must have its end."""
        assert self.body.endswith(b"\n") or not self.body
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def error(self) -> dict[str, Any]:
        """The one form of an error."""
        error: dict[str, Any] = self.json()["error"]
        assert error["code"] == self.status
        assert error["request_id"] == self.headers["x-request-id"]
        return error


def serve_command() -> list[str]:
    """The installed console script; the module where the project is on the path only."""
    script = Path(sys.executable).with_name("serve")
    module = [sys.executable, "-m", "object2vec_container.serving.serve"]
    return [str(script)] if script.exists() else module


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def variables_of(ml_root: Path, port: int, **variables: str) -> dict[str, str]:
    """The environment of a server for tests; an empty value takes a variable away."""
    merged = {
        **os.environ,
        "OBJECT2VEC_ML_ROOT": str(ml_root),
        "OBJECT2VEC_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": str(port),
        **variables,
    }
    return {name: value for name, value in merged.items() if value}


class Server:
    """A running `serve`; as a context manager it is ready inside and gone after.

    Args:
        ml_root: The ML folder, with a model in model/.
        log: Where its output goes.
        variables: Environment variables beside the test's own.
    """

    def __init__(
        self, ml_root: Path, log: Path, command: list[str] | None = None, **variables: str
    ) -> None:
        self.port = free_port()
        self._log = log
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                command or serve_command(),
                env=variables_of(ml_root, self.port, **variables),
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        try:
            self.await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def workers(self) -> list[int]:
        """The worker processes."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]

    def await_ready(self) -> None:
        """Wait until /ping answers 200."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"serve ended:\n{self.log}"
            try:
                if self.get("/ping").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"serve is not ready:\n{self.log}")

    def connect(self, timeout: float | None = None) -> socket.socket:
        """Return a connection, over which a test sends what it likes."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> Answer:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def invoke(
        self,
        body: object,
        content_type: str | None = "application/json",
        accept: str | None = None,
        path: str = "/invocations",
        **headers: str,
    ) -> Answer:
        """Post to /invocations; bytes as they are, anything else as JSON."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content_type is not None:
            named["Content-Type"] = content_type
        if accept is not None:
            named["Accept"] = accept
        return self.request("POST", path, sent, named)

    def stop(self, timeout: float = 30) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


def json_lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()
