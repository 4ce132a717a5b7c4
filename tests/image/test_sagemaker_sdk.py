"""Both SageMaker SDKs drive the CPU image in local mode, by the programs of examples/sagemaker."""

import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "examples/sagemaker"
SMALL = ("enc_dim=32", "mlp_dim=16", "mini_batch_size=512", "learning_rate=0.005")
PROJECT_FOLDER = "com.docker.compose.project.working_dir"


@dataclass(frozen=True, slots=True)
class Run:
    """What a program printed, and where its files are."""

    exit_code: int
    output: str
    errors: str
    folder: Path


class Outside:
    """A proxy that no one should ask: whatever leaves this machine over HTTP comes by here."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._answer, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _answer(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                self.asked.append(connection.recv(200))


@pytest.fixture(scope="module")
def outside() -> Outside:
    return Outside()


@pytest.fixture(scope="module")
def containers_removed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder; the containers that the SDKs' compose files below it leave are removed after."""
    folder = tmp_path_factory.mktemp("sdk")
    yield folder
    form = f'{{{{.ID}}}} {{{{.Label "{PROJECT_FOLDER}"}}}}'
    command = ["docker", "ps", "--all", "--filter", f"label={PROJECT_FOLDER}", "--format", form]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    left = [line.split(" ", 1) for line in listed.splitlines()]
    ours = [name for name, place in left if Path(place).is_relative_to(folder)]
    if ours:
        subprocess.run(["docker", "rm", "--force", *ours], capture_output=True, check=True)


@pytest.fixture(scope="module")
def run_example(cpu_image: str, containers_removed: Path, outside: Outside) -> Any:
    """A runner of an example in its SDK's environment: no credentials, no settings, no network."""
    shared = Path(os.environ.get("OBJECT2VEC_SHARED", REPOSITORY.parent / "shared"))
    real_data = shared / "data/movielens-100k"

    def run(program: str, sdk: int, name: str, *arguments: str, values: tuple[str, ...]) -> Run:
        python = REPOSITORY / f"build/sagemaker{sdk}/bin/python"
        if not python.exists():
            pytest.skip(f"no environment with version {sdk} of the SageMaker SDK: make sdks")
        folder = containers_removed / name
        home = containers_removed / "home"
        home.mkdir(exist_ok=True)
        data = ["--data", str(real_data)] if real_data.is_dir() else []
        settings = [word for value in values for word in ("--set", value)]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HTTP_PROXY": outside.address,
            "HTTPS_PROXY": outside.address,
            "NO_PROXY": "localhost,127.0.0.1",
            # At its import the SDK looks for credentials there, past any proxy.
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        environment |= {name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ}
        done = subprocess.run(
            [python, EXAMPLES / program, "--output", folder, *data, *arguments, *settings],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=200,
        )
        return Run(done.returncode, done.stdout, done.stderr, folder)

    return run


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def estimated(run_example: Any) -> Run:
    """The whole of the Estimator's example."""
    done: Run = run_example(
        "estimator.py",
        2,
        "estimator",
        *("--local", "--epochs", "2", "--port", free_port()),
        values=SMALL,
    )
    assert done.exit_code == 0, done.output + done.errors
    return done


@pytest.fixture(scope="module")
def answers(estimated: Run) -> dict[str, list[dict[str, list[float]]]]:
    loaded: dict[str, list[dict[str, list[float]]]] = json.loads(
        (estimated.folder / "answers.json").read_text()
    )
    return loaded


@pytest.fixture(scope="module")
def records(estimated: Run) -> list[dict[str, list[int]]]:
    """The test channel."""
    lines = (estimated.folder / "prepared/input/data/test/test.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_estimator_shows_the_log_and_a_table(estimated: Run) -> None:
    assert "#quality_metric: host=algo-1-" in estimated.output
    assert "scores, transform " in estimated.output
    error = estimated.output.rpartition("mean squared error over the test channel: ")[2].split()
    assert float(error[0]) < float(error[-1].rstrip(")"))


@pytest.mark.parametrize(("kind", "width"), [("scores", 1), ("embeddings", 32)])
def test_json_and_json_lines_get_the_same_answers(
    answers: dict[str, list[dict[str, list[float]]]], kind: str, width: int
) -> None:
    as_document, as_lines = answers[f"{kind}, JSON"], answers[f"{kind}, JSON Lines"]
    assert as_document == as_lines
    assert [list(answer) for answer in as_document] == [[kind]] * 4
    assert {len(answer[kind]) for answer in as_document} == {width}


def test_the_answers_are_those_of_the_model(
    estimated: Run,
    answers: dict[str, list[dict[str, list[float]]]],
    records: list[dict[str, list[int]]],
    tmp_path: Path,
) -> None:
    from object2vec.data.ragged import RaggedArray
    from object2vec.inference.predictor import Predictor

    with tarfile.open(estimated.folder / "model/model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    predictor = Predictor.load(tmp_path)
    users, films = (
        RaggedArray.from_rows([record[side] for record in records]) for side in ("in0", "in1")
    )
    scores = predictor.score(users, films)
    transformed = [answer["scores"] for answer in answers["scores, transform"]]
    np.testing.assert_allclose(transformed, scores, rtol=1e-4)
    asked = [answer["scores"] for answer in answers["scores, JSON"]]
    np.testing.assert_allclose(asked, scores[:4], rtol=1e-4)
    embeddings = [answer["embeddings"] for answer in answers["embeddings, JSON"]]
    np.testing.assert_allclose(embeddings, predictor.embed(1, films)[:4], rtol=1e-4, atol=1e-6)


def test_the_estimator_leaves_no_container_running(estimated: Run) -> None:
    form = f'{{{{.Label "{PROJECT_FOLDER}"}}}}'
    command = ["docker", "ps", "--filter", f"label={PROJECT_FOLDER}", "--format", form]
    running = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert str(estimated.folder) not in running


def statuses(name: str, folder: Path) -> list[str]:
    """What the engine says of the containers of that name that a compose file in there began."""
    form = f'{{{{.Label "{PROJECT_FOLDER}"}}}}\t{{{{.Status}}}}'
    command = ["docker", "ps", "--all", "--filter", f"name={name}", "--format", form]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line.split("\t") for line in listed.splitlines()]
    return [status for place, status in lines if Path(place).is_relative_to(folder)]


def test_two_instances_of_the_estimator_train_the_model_that_is_served(run_example: Any) -> None:
    """Local mode gives both the same model folder, and stops the others when one ends."""
    instances = ("--local", "--instances", "2", "--epochs", "2", "--port", free_port())
    done = run_example("estimator.py", 2, "two-instances", *instances, values=SMALL)
    assert done.exit_code == 0, done.output + done.errors
    losses = {}
    for host in ("algo-1", "algo-2"):
        metric = rf"#quality_metric: host={host}-\w+, (epoch=\d, .* <loss>=.*)"
        losses[host] = [line.rstrip() for line in re.findall(metric, done.output)]
    assert losses["algo-1"] == losses["algo-2"]
    assert len(losses["algo-1"]) == 2 * 2  # epochs, and the channels train and validation
    assert [status.split(" ")[1] for status in statuses("-algo-2-", done.folder)] == ["(0)"]
    error = done.output.rpartition("mean squared error over the test channel: ")[2].split()
    assert float(error[0]) < float(error[-1].rstrip(")"))


def test_the_model_trainer_leaves_a_model_that_can_be_inspected(run_example: Any) -> None:
    """It starts the image with no command, and names a network interface that is not there."""
    done = run_example("model_trainer.py", 3, "trainer", "--epochs", "1", values=SMALL)
    assert done.exit_code == 0, done.output + done.errors
    assert "#quality_metric: host=algo-1, test mean_squared_error <loss>=" in done.output
    assert "command:" not in (done.folder / "job/docker-compose.yaml").read_text()
    inspected = subprocess.run(
        [Path(sys.executable).with_name("object2vec"), "inspect", done.folder / "model"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert inspected.returncode == 0, inspected.stderr
    assert "pooled_embedding" in inspected.stdout


@pytest.mark.parametrize(
    ("program", "sdk", "arguments"),
    [("estimator.py", 2, ("--local",)), ("model_trainer.py", 3, ())],
)
def test_a_job_that_fails_says_why(
    run_example: Any, program: str, sdk: int, arguments: tuple[str, ...]
) -> None:
    wrong = ("enc_dim=0", "epochs=many")
    done = run_example(program, sdk, f"failing-{sdk}", *arguments, values=wrong)
    assert done.exit_code == 1
    said = (
        "'enc_dim' should be within range (4, 10000), got '0'",
        "'epochs' should be a whole number within range (1, 100), got 'many'",
    )
    # The SDK's own error is the exit code; it prints the log, and packs the failure file.
    assert "docker-compose.yaml" in done.errors
    assert "Process exited with code: 2" in done.errors
    assert "ClientError: 2 problems in the hyperparameters" in done.errors
    for line in said:
        assert line in done.output
        assert line in done.errors


def test_the_sdks_ask_and_tell_no_one_outside(estimated: Run, outside: Outside) -> None:
    setting = "Applied value from config key = SageMaker.PythonSDK.Modules.TelemetryOptOut"
    assert setting in estimated.output
    assert outside.asked == []
