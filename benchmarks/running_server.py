"""The real `serve` on a free port, for the benchmarks that ask it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def script(name: str) -> str:
    """Return a program of the project, beside the Python that runs this."""
    return str(Path(sys.executable).with_name(name))


@contextmanager
def serving(root: Path, **variables: str) -> Iterator[tuple[int, int]]:
    """Serve the model of an ML folder; give the server's process and port once it is ready.

    Args:
        root: The ML folder.
        variables: Environment variables beside those that say where it is and listens.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [script("serve")],
        env={
            **os.environ,
            "OBJECT2VEC_ML_ROOT": str(root),
            "OBJECT2VEC_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": str(port),
            **variables,
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        while ping(port) is None:
            if server.poll() is not None:
                raise SystemExit(f"serve ended with {server.returncode}")
            time.sleep(0.1)
        yield server.pid, port
    finally:
        server.terminate()
        server.wait()


def ping(port: int) -> float | None:
    """Return how many seconds /ping took, None where it was not answered 200."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/ping")
        is_ready = connection.getresponse().status == http.client.OK
    except OSError:
        is_ready = False
    finally:
        connection.close()
    return time.monotonic() - began if is_ready else None


def workers(server: int) -> list[int]:
    """Return the worker processes of a server."""
    return [int(pid) for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split()]
