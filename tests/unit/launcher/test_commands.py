"""The subcommands from their options to what is sent, within this process."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.sagemaker_platform import BUCKET, IMAGE, ROLE, Look, Platform

from object2vec.cli import main

STRINGS = {"enc0_vocab_size": 50, "enc0_max_seq_len": "3", "enc_dim": "16"}
RECORD = '{"label": 1, "in0": [1], "in1": [2]}\n'
ACCOUNT = ("--image", IMAGE, "--role", ROLE, "--poll", "0.05")
JOB = ("--hyperparameters", "hp.json", "--train", "train")
# Runs the command; returns its exit code, stdout and stderr.
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    logged_in: Platform,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Command:
    """The command, run in a folder with a job's files by one who has a bucket."""
    logged_in.make_bucket()
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a.jsonl").write_text(RECORD)
    (tmp_path / "hp.json").write_text(json.dumps(STRINGS))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **variables: str) -> tuple[int, str, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("--image", IMAGE), {}, "No role is given"),
        (("--role", ROLE), {}, "No image is given"),
        (ACCOUNT, {"AWS_DEFAULT_REGION": ""}, "No AWS region is set"),
        (ACCOUNT, {"AWS_ACCESS_KEY_ID": ""}, "No AWS credentials are found"),
        ((*ACCOUNT, "--region", "eu-west-3"), {}, "No bucket is given"),
        ((*ACCOUNT, "--output", "out"), {}, "must be s3://bucket/prefix"),
        ((*ACCOUNT, "--name", "a_b"), {}, "can be no name"),
        ((*ACCOUNT, "--test", "absent"), {}, "there is no folder absent"),
        ((*ACCOUNT, "--test", f"s3://{BUCKET}/absent"), {}, "there is nothing at this place"),
        ((*ACCOUNT, "--download", "train"), {}, "is there already and not empty"),
        ((*ACCOUNT, "--download", "m", "--no-wait"), {}, "--no-wait does not wait"),
    ],
)
def test_what_is_forgotten_is_told_before_anything_is_done(
    command: Command,
    platform: Platform,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    words: str,
) -> None:
    done = command("sagemaker", "train", *JOB, *arguments, **variables)
    assert done[0] == 2
    assert done[2].startswith("ClientError: ")
    assert words in done[2]
    assert platform.sent == []
    assert platform.keys() == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "Give either the model with --model"),
        (("--model", "m", "--job", "j"), "Give either the model with --model"),
        (("--model", "absent"), "There is no model folder"),
        (("--model", f"s3://{BUCKET}/model"), "must be the model.tar.gz itself"),
        (("--model", f"s3://{BUCKET}/model.tar.gz"), "there is nothing at this place"),
        (("--job", "absent"), "There is no training job absent"),
    ],
)
def test_a_model_that_is_not_there_is_told_before_anything_is_created(
    command: Command, platform: Platform, given: tuple[str, ...], words: str
) -> None:
    done = command("sagemaker", "deploy", *given, *ACCOUNT)
    assert done[0] == 2
    assert words in done[2]
    assert platform.sent == []


def test_options_stand_in_a_file_too(command: Command, platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "account").write_text(
        f"--image {IMAGE}  # a comment\n\n--role '{ROLE}'\n--poll 0.05 --tag 'a=b c'\n"
    )
    done = command("sagemaker", "train", *JOB, "@account")
    assert done[0] == 0, done[2]
    assert platform.body("create_training_job")["Tags"] == [{"Key": "a", "Value": "b c"}]


def test_hyperparameters_and_data_in_s3_are_taken_from_there(
    command: Command, platform: Platform
) -> None:
    platform.put("hp.json", json.dumps(STRINGS).encode())
    platform.put("data/a.jsonl", RECORD.encode())
    done = command(
        *("sagemaker", "train", "--hyperparameters", f"s3://{BUCKET}/hp.json"),
        *("--train", f"s3://{BUCKET}/data", *ACCOUNT),
    )
    assert done[0] == 0, done[2]
    (channel,) = platform.body("create_training_job")["InputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == f"s3://{BUCKET}/data"
    assert sorted(platform.keys()) == ["data/a.jsonl", "hp.json"]


def test_a_channel_is_a_file_too_and_hidden_files_stay_here(
    command: Command, platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "train/_SUCCESS").touch()
    (tmp_path / "one.jsonl").write_text(RECORD)
    arguments = ("--validation", "one.jsonl", "--name", "words", *ACCOUNT)
    code, _, errors = command("sagemaker", "train", *JOB, *arguments)
    assert (code, errors) == (0, "")
    assert platform.keys() == [
        "object2vec/words/input/train/a.jsonl",
        "object2vec/words/input/validation/one.jsonl",
    ]


def test_notes_on_the_hyperparameters_are_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "hp.json").write_text(json.dumps({**STRINGS, "dropout": 1}))
    _, printed, _ = command("sagemaker", "train", *JOB, *ACCOUNT, "--no-wait")
    assert "WARNING: dropout 1.0 drops every value" in printed


def test_a_name_that_is_taken_by_strangers_needs_its_kind(
    command: Command, platform: Platform
) -> None:
    command("sagemaker", "train", *JOB, *ACCOUNT, "--name", "words")
    platform.put("model.tar.gz", b"")
    model = f"s3://{BUCKET}/model.tar.gz"
    command("sagemaker", "deploy", "--model", model, "--name", "words", *ACCOUNT)
    code, _, errors = command("sagemaker", "status", "words")
    assert code == 2
    assert "--kind: training-job, endpoint" in errors
    code, printed, _ = command("sagemaker", "status", "words", "--kind", "endpoint")
    assert (code, printed.splitlines()[0]) == (0, "endpoint words")


def test_a_failed_endpoint_has_its_reason_and_stays_to_be_looked_at(
    command: Command, platform: Platform
) -> None:
    platform.put("model.tar.gz", b"")
    platform.courses["endpoint"] = [Look("Creating"), Look("Failed", reason="no ping")]
    model = f"s3://{BUCKET}/model.tar.gz"
    code, _, errors = command("sagemaker", "deploy", "--model", model, "--name", "words", *ACCOUNT)
    assert code == 1
    assert "endpoint words has failed (Failed): no ping" in errors
    assert "words" in platform.backend.endpoints
