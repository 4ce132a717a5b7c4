"""`docker/run`, the helper that runs the image hardened."""

import http.client
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.serving.server import free_port
from tests.image.containers import job_folder
from tests.scripts import ROOT

HELPER = ROOT / "docker" / "run"


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Path]:
    """A job's folder outside of pytest's own, which are their user's alone."""
    folder = Path("/tmp") / f"object2vec-test-{uuid.uuid4().hex[:12]}"
    shutil.copytree(job_folder(tmp_path).root, folder)
    yield folder
    shutil.rmtree(folder)


def test_it_trains_a_folder_and_serves_its_model_until_it_is_stopped(
    cpu_image: str, job: Path
) -> None:
    subprocess.run([HELPER, "train", job], check=True, capture_output=True, timeout=60)
    port = free_port()
    with subprocess.Popen([HELPER, "serve", job / "model", str(port)]) as server:
        try:
            deadline = time.monotonic() + 30
            while not answers(port):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def test_without_a_command_it_says_how_to_call_it() -> None:
    done = subprocess.run([HELPER], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "docker/run train FOLDER" in done.stdout
