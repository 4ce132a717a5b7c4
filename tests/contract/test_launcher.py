"""The real `object2vec` program against moto's server: S3, jobs, endpoints, and what goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from moto.sagemaker.exceptions import SagemakerClientError
from tests.sagemaker_platform import BUCKET, IMAGE, ROLE, Look, Platform, object2vec_command
from tests.service_model import find_faults

from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import ModelWriter

STRINGS = {"enc0_vocab_size": 50, "enc0_max_seq_len": "3", "enc_dim": "16"}
RECORD = '{"label": 1, "in0": [1], "in1": [2]}\n'
ACCOUNT = ("--image", IMAGE, "--role", ROLE, "--poll", "0.05")
JOB = ("--hyperparameters", "hp.json", "--train", "train")
Command = Callable[..., subprocess.CompletedProcess[str]]


class QuotaError(SagemakerClientError):
    code = "ResourceLimitExceeded"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A folder with a job's files."""
    for name in ("train", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jsonl").write_text(RECORD)
    (tmp_path / "train/_SUCCESS").touch()
    (tmp_path / "hp.json").write_text(json.dumps(STRINGS))
    return tmp_path


@pytest.fixture
def command(platform: Platform, work: Path) -> Command:
    """The program, run in that folder by one who is logged in and has a bucket."""
    platform.make_bucket()

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*object2vec_command(), *arguments],
            env=platform.environment(**variables),
            cwd=work,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder."""
    folder = tmp_path_factory.mktemp("model")
    metrics = {"perplexity": 2.0, "cross_entropy": 0.69, "accuracy": 0.5}
    training = {
        "best_epoch": 0,
        "best_loss": 0.69,
        "loss": "train cross_entropy",
        "epochs": [{"epoch": 0, "train": metrics, "validation": None}],
    }
    writer = ModelWriter(folder, Hyperparameters.from_strings(STRINGS), (None, None))
    writer.save({"embed_0_weight": np.zeros((50, 300), np.float32)}, training)
    return folder


def archive_of(model: Path, path: Path) -> bytes:
    with tarfile.open(path, "w:gz") as tar:
        tar.add(model, ".")
    return path.read_bytes()


@pytest.fixture
def archive(model: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """That model as a training job writes it."""
    return archive_of(model, tmp_path_factory.mktemp("archive") / "model.tar.gz")


def assert_fits(sent: list[tuple[str, dict[str, Any]]]) -> None:
    for operation, body in sent:
        name = "".join(word.title() for word in operation.split("_"))
        assert find_faults(name, body) == []


def test_a_training_job_from_folders_to_the_model_here(
    command: Command, platform: Platform, archive: bytes, work: Path
) -> None:
    platform.put("object2vec/words/output/model.tar.gz", archive)
    platform.courses["training_job"] = [
        Look("InProgress", "Training", "image", ("#metrics one",)),
        Look("Completed", "Completed", "done", ("#metrics two",)),
    ]
    done = command(
        *("sagemaker", "train", *JOB, "--validation", "validation", *ACCOUNT, "--name", "words"),
        *("--download", "model", "--spot", "--checkpoints", f"s3://{BUCKET}/checkpoints"),
        *("--environment", "OBJECT2VEC_X=a=b", "--tag", "team=a"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert set(platform.keys()) == {
        "object2vec/words/input/train/a.jsonl",
        "object2vec/words/input/validation/a.jsonl",
        "object2vec/words/output/model.tar.gz",
    }
    assert_fits(platform.sent)
    body = platform.body("create_training_job")
    assert body["HyperParameters"] == {name: str(value) for name, value in STRINGS.items()}
    uris = [line["DataSource"]["S3DataSource"]["S3Uri"] for line in body["InputDataConfig"]]
    assert uris == [f"s3://{BUCKET}/object2vec/words/input/{it}" for it in ("train", "validation")]
    assert body["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/object2vec"
    assert body["Environment"] == {"OBJECT2VEC_X": "a=b"}
    shown = ["Training: image", "#metrics one", "Completed: done", "#metrics two"]
    positions = [done.stdout.index(text) for text in shown]
    assert positions == sorted(positions)
    assert done.stdout.splitlines()[-1] == "the model is in model: object2vec inspect model"
    assert "epoch 0 of 1 was the best" in command("inspect", "model").stdout


def test_a_failed_job_ends_with_its_reason_and_exit_code(
    command: Command, platform: Platform, work: Path
) -> None:
    reason = "AlgorithmError: ClientError: train/a.jsonl, line 3: no label, exit code: 2"
    platform.courses["training_job"] = [
        Look("InProgress", "Training"),
        Look("Failed", "Failed", "Training job failed", (), reason),
    ]
    done = command("sagemaker", "train", *JOB, *ACCOUNT, "--name", "words", "--download", "model")
    assert done.returncode == 2
    assert done.stderr == f"ClientError: training job words has failed (Failed): {reason}\n"
    assert not (work / "model").exists()


def test_a_job_that_is_not_waited_for_can_be_followed_stopped_and_deleted(
    command: Command, platform: Platform
) -> None:
    started = command("sagemaker", "train", *JOB, *ACCOUNT, "--no-wait")
    (name,) = re.findall(r"training job (object2vec-\d{8}-\d{6}-\d{3}): cre", started.stdout)
    assert f"to follow it: object2vec sagemaker status {name} --wait" in started.stdout
    platform.courses["training_job"] = [
        Look("InProgress", "Training", "image", ("hello",)),
        Look("InProgress", "Training", "image"),
        Look("Completed", "Completed"),
    ]
    followed = command("sagemaker", "status", name, "--wait", "--poll", "0.05")
    assert followed.returncode == 0
    assert "hello\n" in followed.stdout
    assert "  status: Completed\n" in followed.stdout
    platform.courses["training_job"] = [Look("InProgress")]
    assert "stopping" in command("sagemaker", "delete", name).stdout
    platform.courses["training_job"] = [Look("Stopped", "Stopped")]
    described = command("sagemaker", "status", name, "--json")
    assert json.loads(described.stdout)["TrainingJobStatus"] == "Stopped"
    assert command("sagemaker", "delete", name).stdout == f"training job {name}: deleted\n"
    assert command("sagemaker", "status", name).returncode == 2


def test_an_interrupt_ends_the_wait_and_not_the_job(
    command: Command, platform: Platform, work: Path
) -> None:
    platform.courses["training_job"] = [Look("InProgress", "Training", "image", ("hello",))]
    with subprocess.Popen(
        [*object2vec_command(), "sagemaker", "train", *JOB, *ACCOUNT, "--name", "words"],
        env=platform.environment(),
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if "hello" in line:
                process.send_signal(signal.SIGINT)
                break
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the training job words goes on" in rest
    assert errors == ""
    assert platform.backend.training_jobs["words"].training_job_status == "InProgress"


def test_what_is_forgotten_is_told_before_anything_is_done(
    command: Command, platform: Platform
) -> None:
    done = command("sagemaker", "train", *JOB, *ACCOUNT, AWS_DEFAULT_REGION="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ClientError: No AWS region is set. Give --region")
    assert platform.sent == []


def test_an_endpoint_from_a_model_folder_and_back_to_nothing(
    command: Command, platform: Platform, model: Path
) -> None:
    platform.courses["endpoint"] = [Look("Creating"), Look("InService")]
    made = command(
        *("sagemaker", "deploy", "--model", str(model), "--name", "words", *ACCOUNT),
        *("--instance-type", "ml.c5.large", "--instance-count", "2"),
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert "endpoint words: Creating\nendpoint words: InService\n" in made.stdout
    assert_fits(platform.sent)
    assert [name for name, _ in platform.sent] == [
        "create_model",
        "create_endpoint_config",
        "create_endpoint",
    ]
    uri = platform.body("create_model")["PrimaryContainer"]["ModelDataUrl"]
    assert uri == f"s3://{BUCKET}/object2vec/words/model/model.tar.gz"
    (variant,) = platform.body("create_endpoint_config")["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c5.large", 2)
    assert f"Object2Vec model in {uri}" in command("inspect", uri).stdout
    gone = command("sagemaker", "delete", "words")
    assert gone.stdout.splitlines() == [
        "endpoint words: deleted",
        "endpoint config words: deleted",
        "model words: deleted",
    ]
    client = platform.client("sagemaker")
    assert client.list_models()["Models"] == client.list_endpoints()["Endpoints"] == []
    assert client.list_endpoint_configs()["EndpointConfigs"] == []


def test_an_endpoint_that_is_refused_leaves_nothing(
    command: Command, platform: Platform, archive: bytes
) -> None:
    platform.put("m/model.tar.gz", archive)
    platform.refused["create_endpoint"] = QuotaError("The limit is 0 Instances")
    done = command(
        *("sagemaker", "deploy", "--model", f"s3://{BUCKET}/m/model.tar.gz", "--name", "words"),
        *ACCOUNT,
    )
    assert done.returncode == 2
    assert "Cannot create the endpoint words: The limit is 0 Instances" in done.stderr
    assert "quota" in done.stderr
    assert "model words: deleted" in done.stdout
    client = platform.client("sagemaker")
    assert client.list_models()["Models"] == []
    assert client.list_endpoint_configs()["EndpointConfigs"] == []


def test_a_transform_job_of_a_training_job_s_model_with_its_answers(
    command: Command, platform: Platform, archive: bytes, work: Path
) -> None:
    command("sagemaker", "train", *JOB, *ACCOUNT, "--name", "words")
    platform.put("object2vec/words/output/model.tar.gz", archive)
    platform.put("object2vec/answers/output/a.jsonl.out", b'{"scores": [1]}\n')
    platform.sent.clear()
    done = command(
        *("sagemaker", "transform", "--job", "words", "--input", "train", "--name", "answers"),
        *("--max-payload", "20", "--download", "answers", *ACCOUNT),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert_fits(platform.sent)
    body = platform.body("create_transform_job")
    source = body["TransformInput"]["DataSource"]["S3DataSource"]
    assert source["S3Uri"] == f"s3://{BUCKET}/object2vec/answers/input"
    assert body["MaxPayloadInMB"] == 20
    model_uri = platform.body("create_model")["PrimaryContainer"]["ModelDataUrl"]
    assert model_uri == f"s3://{BUCKET}/object2vec/words/output/model.tar.gz"
    assert (work / "answers/a.jsonl.out").read_text() == '{"scores": [1]}\n'


def test_a_tuning_job_and_its_best_model(
    command: Command, platform: Platform, archive: bytes, work: Path
) -> None:
    best = "FakeTrainingJobName"  # as moto calls it
    command("sagemaker", "train", *JOB, *ACCOUNT, "--name", best)
    platform.put(f"object2vec/{best}/output/model.tar.gz", archive)
    platform.sent.clear()
    done = command(
        *("sagemaker", "tune", *JOB, "--validation", "validation", "--name", "tuning", *ACCOUNT),
        *("--tune", "enc_dim=8:32", "--tune", "optimizer", "--jobs", "6", "--parallel", "3"),
        *("--objective", "validation:accuracy", "--download", "model"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert_fits(platform.sent)
    body = platform.body("create_hyper_parameter_tuning_job")
    config = body["HyperParameterTuningJobConfig"]
    assert config["HyperParameterTuningJobObjective"] == {
        "Type": "Maximize",
        "MetricName": "validation:accuracy",
    }
    assert body["TrainingJobDefinition"]["StaticHyperParameters"] == {
        "enc0_vocab_size": "50",
        "enc0_max_seq_len": "3",
    }
    assert "maximizes validation:accuracy over enc_dim, optimizer" in done.stdout
    assert (work / "model/model.json").is_file()
    assert "best: FakeTrainingJobName" in command("sagemaker", "status", "tuning").stdout
    assert command("sagemaker", "delete", "tuning").stdout == "tuning job tuning: deleted\n"


def test_a_model_folder_in_s3_is_inspected(
    command: Command, platform: Platform, model: Path
) -> None:
    platform.put_folder("models/one", model)
    done = command("inspect", f"s3://{BUCKET}/models/one")
    assert done.stdout.splitlines()[0] == f"Object2Vec model in s3://{BUCKET}/models/one"
    platform.put("models/one/model.json", b"{")
    broken = command("inspect", f"s3://{BUCKET}/models/one")
    assert broken.returncode == 2
    assert f"s3://{BUCKET}/models/one/model.json" in broken.stderr


def test_a_vocabulary_from_s3_to_s3(command: Command, platform: Platform, work: Path) -> None:
    platform.put("data/a.jsonl", b'{"in0": ["cat", "dog"], "in1": ["cat"], "label": 1}\n')
    (work / "more.jsonl").write_text('{"in0": ["cow"], "in1": ["cat"], "label": 1}\n')
    output = f"s3://{BUCKET}/vocab.json"
    done = command("vocabulary", f"s3://{BUCKET}/data", "more.jsonl", "--output", output)
    assert done.returncode == 0, done.stderr
    assert f"3 tokens in {output}" in done.stdout
    answer = platform.client("s3").get_object(Bucket=BUCKET, Key="vocab.json")
    assert json.loads(answer["Body"].read())["cat"] == 1


def test_boto3_is_loaded_only_where_it_is_needed(model: Path) -> None:
    program = (
        "import sys, object2vec_container.train, object2vec_container.serving.serve\n"
        "from object2vec.cli import main\n"
        f"assert main(['inspect', {str(model)!r}]) == 0\n"
        "assert not [name for name in sys.modules if name.startswith(('boto', 's3transfer'))]"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_guide_do_what_it_tells(
    platform: Platform, archive: bytes, work: Path
) -> None:
    guide = (Path(__file__).parents[2] / "docs/launcher.md").read_text("utf-8")
    (account,) = re.findall(r"```text\n(.*?)```", guide, re.DOTALL)
    (script,) = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    (work / "account").write_text(f"{account}--poll 0.05\n")
    (work / "hp.json").rename(work / "hyperparameters.json")
    (work / "data").mkdir()
    (work / "train").rename(work / "data/train")
    (work / "data/test.jsonl").write_text(RECORD)
    platform.make_bucket("my-bucket")
    for key, content in (
        ("data/validation/a.jsonl", RECORD.encode()),
        ("object2vec/words-1/output/model.tar.gz", archive),
        ("object2vec/words-answers/output/test.jsonl.out", b"{}\n"),
    ):
        platform.put(key, content, "my-bucket")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = platform.environment(PATH=path)
    del environment["AWS_DEFAULT_REGION"]
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        env=environment,
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert_fits(platform.sent)
    assert (work / "answers/test.jsonl.out").read_text() == "{}\n"
    for words in ("Object2Vec model in model", "tuning job words-tuning: created, 10 training"):
        assert words in done.stdout
    assert done.stdout.splitlines()[-3:] == [
        "endpoint words: deleted",
        "endpoint config words: deleted",
        "model words: deleted",
    ]
