"""examples/docker/run.sh, run for real."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.contract.serving.server import free_port
from tests.image.containers import docker
from tests.scripts import ROOT

SCRIPT = ROOT / "examples" / "docker" / "run.sh"


def start(folder: Path, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "FOLDER": str(folder), "PORT": str(free_port()), **variables}
    return subprocess.Popen(
        [str(SCRIPT)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def containers(process: subprocess.Popen[str], kind: str) -> list[str]:
    """The containers of one run of the script that are there."""
    name = f"object2vec-example-{kind}-{process.pid}"
    return docker("ps", "--all", "--quiet", "--filter", f"name={name}").stdout.split()


def end_in(process: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    try:
        return process.communicate(timeout=seconds)
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate()


def test_it_trains_serves_answers_and_leaves_no_container(cpu_image: str, tmp_path: Path) -> None:
    process = start(tmp_path / "job", IMAGE=cpu_image)
    output, errors = end_in(process, 300)
    assert process.returncode == 0, output + errors
    (accuracy,) = re.findall(r"test accuracy: (\S+)", output)
    assert float(accuracy) > 0.93
    answers: list[dict[str, Any]] = [
        json.loads(line) for line in output.splitlines() if line.startswith("{")
    ]
    wolf_is_carnivore, wolf_is_whale = (answer["scores"][1] for answer in answers[:2])
    assert wolf_is_carnivore > 0.5 > wolf_is_whale
    assert len(answers[2]["predictions"][0]["embeddings"]) == 64
    assert output.endswith("Stopped with exit code 0\n")
    assert (tmp_path / "job" / "model" / "model.json").is_file()
    assert not containers(process, "train") + containers(process, "serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_by_a_signal_it_leaves_no_container(
    cpu_image: str, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path / "job", IMAGE=cpu_image)
    deadline = time.monotonic() + 60
    while not containers(process, "train"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(number)
    end_in(process, 60)
    assert process.returncode == 128 + number
    assert not containers(process, "train") + containers(process, "serve")


def test_a_failed_training_is_told_in_its_own_words(cpu_image: str, tmp_path: Path) -> None:
    # A file where the training wants to make its folder.
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "model").write_text("")
    process = start(tmp_path / "job", IMAGE=cpu_image)
    _, errors = end_in(process, 120)
    assert process.returncode == 1
    assert errors.startswith("the training failed: ")
    assert not containers(process, "train") + containers(process, "serve")


def test_without_the_image_it_says_what_to_do(engine: None, tmp_path: Path) -> None:
    process = start(tmp_path / "job", IMAGE="object2vec:no-such")
    assert end_in(process, 60) == ("", "object2vec:no-such is not built: make image-cpu\n")
    assert process.returncode == 1
