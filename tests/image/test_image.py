"""The CPU image on a real engine: what is in it, how it trains and serves, and how it ends."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.image.containers import Container, docker, job_folder, mounted, run

HARDENED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
)
LARGEST_BYTES = 650 * 10**6


@pytest.fixture
def job(tmp_path: Path) -> MLFolderBuilder:
    return job_folder(tmp_path)


@pytest.fixture
def trained(job: MLFolderBuilder) -> MLFolderBuilder:
    """The same job, trained by the program of this checkout."""
    assert job.train().exit_code == 0
    return job


def test_the_image_is_small(cpu_image: str) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", cpu_image).stdout)
    print(f"{cpu_image}: {size / 1e6:.0f} MB")
    assert size < LARGEST_BYTES


def test_nothing_of_the_build_is_in_the_image(cpu_image: str) -> None:
    listed = run(cpu_image, "find", "/", "-xdev", "-not", "-path", "/proc/*").splitlines()
    programs = {Path(path).name for path in listed if Path(path).parent.name in ("bin", "sbin")}
    assert not programs & {"gcc", "cc", "g++", "ld", "cython", "pip", "pip3", "make", "git"}
    assert not [path for path in listed if "/pip/" in path or "/.cache/" in path]
    packages = "/opt/object2vec/lib/python3.11/site-packages/"
    ours = [path for path in listed if path.startswith((packages + "object2vec", "/build"))]
    assert ours
    assert not [path for path in ours if "/tests" in path or "shared" in path]
    assert not [path for path in listed if path.endswith((".jsonl", ".vec", ".a", ".pyx"))]
    assert not [path for path in listed if "/var/lib/apt/lists/" in path or "/pytest" in path]


def test_labels_tell_the_platform_what_the_image_can_do(cpu_image: str) -> None:
    labels = json.loads(
        docker("image", "inspect", "--format", "{{json .Config.Labels}}", cpu_image).stdout
    )
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"
    assert labels["org.opencontainers.image.version"]


def test_train_and_serve_are_on_the_path(cpu_image: str) -> None:
    for program in ("train", "serve", "object2vec"):
        assert program in run(cpu_image, program, "--help")


@pytest.mark.parametrize("user", ["0", "1000"])
@pytest.mark.parametrize("command", [("train",), ()])
def test_a_hardened_container_of_any_user_trains(
    cpu_image: str, job: MLFolderBuilder, user: str, command: tuple[str, ...]
) -> None:
    """Without a command, as the SDK's local container mode starts it, a job's folder is trained."""
    (job.root / "model").mkdir(mode=0o777)
    (job.root / "model").chmod(0o777)
    done = docker("run", "--rm", "--user", user, *HARDENED, mounted(job.root), cpu_image, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (job.model / "model.json").is_file()
    if os.geteuid() == 0:
        shutil.rmtree(job.root)


@pytest.mark.parametrize("user", ["0", "1000"])
def test_a_hardened_container_of_any_user_serves_a_read_only_model(
    cpu_image: str, trained: MLFolderBuilder, user: str
) -> None:
    options = ("--user", user, *HARDENED, mounted(trained.model, "/opt/ml/model", ":ro"))
    with Container(cpu_image, "serve", options=options) as container:
        container.await_log("The model is loaded and warm")
        # The container has no network but its own loopback.
        program = (
            "import http.client, json\n"
            "c = http.client.HTTPConnection('127.0.0.1', 8080, timeout=10)\n"
            "body = json.dumps({'instances': [{'in0': [1], 'in1': [2]}]})\n"
            "c.request('POST', '/invocations', body, {'Content-Type': 'application/json'})\n"
            "print(c.getresponse().read().decode())"
        )
        answer = docker("exec", container.name, "python3", "-c", program).stdout
        assert len(json.loads(answer)["predictions"][0]["scores"]) == 2
        code, seconds = container.stop()
    assert code == 0
    assert seconds < 25


def test_serve_answers_within_seconds_of_its_start_and_is_healthy(
    cpu_image: str, trained: MLFolderBuilder
) -> None:
    began = time.monotonic()
    with Container(cpu_image, options=(mounted(trained.model, "/opt/ml/model", ":ro"),)) as server:
        while True:
            try:
                if server.ask("GET", "/ping")[0] == 200:
                    break
            except OSError:
                time.sleep(0.02)
            assert time.monotonic() - began < 30, server.log
        seconds = time.monotonic() - began
        print(f"first 200 after {seconds:.1f} s")
        assert seconds < 5
        status, answer = server.ask("POST", "/invocations", {"instances": [{"in0": [3]}]})
        assert status == 200
        assert len(json.loads(answer)["predictions"][0]["embeddings"]) == 4
        assert (
            docker("exec", server.name, "python3", "-m", "object2vec_container.health").returncode
            == 0
        )


def test_stopping_a_server_answers_what_is_under_way(
    cpu_image: str, trained: MLFolderBuilder
) -> None:
    with Container(
        cpu_image, "serve", options=(mounted(trained.model, "/opt/ml/model", ":ro"),)
    ) as server:
        server.await_log("The model is loaded and warm")
        answers: list[int] = []
        big = {"instances": [{"in0": [1, 2, 3], "in1": [2]}] * 100_000}
        client = threading.Thread(
            target=lambda: answers.append(server.ask("POST", "/invocations", big)[0])
        )
        client.start()
        time.sleep(0.5)
        code, seconds = server.stop()
        client.join()
    assert (code, answers) == (0, [200])
    assert seconds < 25


@pytest.mark.parametrize("command", ["serve", "train"])
def test_stopping_a_container_that_is_just_starting_ends_it_at_once(
    cpu_image: str, trained: MLFolderBuilder, command: str
) -> None:
    with Container(cpu_image, command, options=(mounted(trained.root),)) as container:
        status = Path("/proc") / container.inspect("{{.State.Pid}}") / "status"
        deadline = time.monotonic() + 30
        while not caught_signals(status) & 1 << (signal.SIGTERM - 1):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        code, seconds = container.stop()
        assert "Listening at" not in container.log
    assert code == 0
    assert seconds < 10


def caught_signals(status: Path) -> int:
    """The mask of the signals that a process handles."""
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return int(line.split()[1], 16)


def test_stopping_a_training_ends_within_the_contracts_time(
    cpu_image: str, job: MLFolderBuilder
) -> None:
    job.hyperparameters(
        epochs="100",
        early_stopping_patience="5",
        early_stopping_tolerance="0.000001",
        mini_batch_size="1",
    )
    job.channel("train", job.records(60_000))
    with Container(cpu_image, "train", options=(mounted(job.root),)) as training:
        training.await_log("Epoch: 0")
        _, seconds = training.stop()
    assert seconds < 30


def test_a_training_with_wrong_hyperparameters_fails_as_the_contract_says(
    cpu_image: str, job: MLFolderBuilder
) -> None:
    job.hyperparameters(enc_dim="0", epochs="many")
    done = docker("run", "--rm", mounted(job.root), cpu_image, "train")
    assert done.returncode == 2
    assert job.failure.read_text().startswith("ClientError: ")
    assert "enc_dim" in job.failure.read_text()
    assert "epochs" in job.failure.read_text()
    first = next(line for line in done.stdout.splitlines() if "ERROR" in line)
    assert "ClientError: " in first


def test_the_program_is_process_1(cpu_image: str, trained: MLFolderBuilder) -> None:
    with Container(
        cpu_image, "serve", options=(mounted(trained.model, "/opt/ml/model", ":ro"),)
    ) as server:
        server.await_log("The model is loaded and warm")
        command = docker("exec", server.name, "cat", "/proc/1/cmdline").stdout.split("\0")
    assert command[1:4] == ["-m", "object2vec_container", "serve"]
