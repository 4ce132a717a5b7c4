"""The real `train` in Pipe mode: the model that File mode gives, and an end in every case."""

import gzip
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.contract.conftest import MLFolderBuilder, train_command

from object2vec.saved_model import SavedModel

COUNTS = {"train": 60, "validation": 20, "test": 20}


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps(record).encode() + b"\n" for record in MLFolderBuilder.records(count)
    )


def describe(ml_folder: MLFolderBuilder, mode: str, *names: str) -> MLFolderBuilder:
    """Describe channels as the platform does."""
    settings = {
        "ContentType": "application/jsonlines",
        "TrainingInputMode": mode,
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    ml_folder.config("inputdataconfig", dict.fromkeys(names, settings))
    return ml_folder.hyperparameters()


def make_pipe(ml_folder: MLFolderBuilder, name: str) -> Path:
    path = ml_folder.root / "input" / "data" / name
    os.mkfifo(path)
    return path


@contextmanager
def written(pipes: Mapping[Path, bytes]) -> Iterator[None]:
    """Write into each pipe, beside the context, which must have read all of it at its end."""
    threads = [
        threading.Thread(target=path.write_bytes, args=(content,), daemon=True)
        for path, content in pipes.items()
    ]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def from_files(make_ml_folder) -> SavedModel:
    """The model of the records in File mode."""
    ml_folder = describe(make_ml_folder(), "File", *COUNTS)
    for name, count in COUNTS.items():
        ml_folder.channel(name, ml_folder.records(count))
    assert ml_folder.train().exit_code == 0
    return SavedModel.open(ml_folder.model)


def assert_same_model(ml_folder: MLFolderBuilder, expected: SavedModel) -> None:
    found = SavedModel.open(ml_folder.model)
    assert found.training == expected.training
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert np.array_equal(found.arrays[name], array), name


def test_three_pipes_make_the_very_model_that_files_make(ml_folder, from_files) -> None:
    describe(ml_folder, "Pipe", *COUNTS)
    pipes = {make_pipe(ml_folder, f"{name}_0"): lines(count) for name, count in COUNTS.items()}
    make_pipe(ml_folder, "train_1")  # the platform makes the next one early
    pipes[ml_folder.root / "input" / "data" / "validation_0"] = gzip.compress(lines(20))
    with written(pipes):
        run = ml_folder.train()
    assert (run.exit_code, run.failure, run.errors) == (0, None, "")
    assert f"Channel 'train': reads the pipe {ml_folder.root}/input/data/train_0" in run.log
    assert "is ignored" not in run.log
    assert_same_model(ml_folder, from_files)


def test_pipes_are_found_where_no_file_describes_the_channels(ml_folder, from_files) -> None:
    ml_folder.hyperparameters().channel("test", ml_folder.records(20))
    counts = {"train": 60, "validation": 20}
    pipes = {make_pipe(ml_folder, f"{name}_0"): lines(count) for name, count in counts.items()}
    with written(pipes):
        assert ml_folder.train().exit_code == 0
    assert_same_model(ml_folder, from_files)


def test_a_pipe_that_breaks_off_in_a_record_fails_the_job(ml_folder) -> None:
    describe(ml_folder, "Pipe", "train")
    with written({make_pipe(ml_folder, "train_0"): lines(60)[:-9]}):
        run = ml_folder.train()
    assert run.exit_code == 2
    assert run.failure is not None
    assert "train_0, line 60: the stream ended in the middle of a record" in run.failure
    assert not list(ml_folder.model.glob("*"))


def test_a_pipe_that_never_comes_fails_the_job_within_the_time_limit(ml_folder) -> None:
    describe(ml_folder, "Pipe", "train")
    run = ml_folder.train(variables={"OBJECT2VEC_PIPE_SECONDS": "0.2"})
    assert run.exit_code == 3
    assert run.failure is not None
    assert f"no pipe {ml_folder.root}/input/data/train_0 appeared within 0.2 s" in run.failure


def test_a_wrong_time_limit_is_the_client_s_fault(ml_folder) -> None:
    describe(ml_folder, "Pipe", "train")
    run = ml_folder.train(variables={"OBJECT2VEC_PIPE_SECONDS": "soon"})
    assert run.exit_code == 2
    assert run.failure is not None
    assert "OBJECT2VEC_PIPE_SECONDS='soon' is no such number" in run.failure


def test_sigterm_ends_a_job_that_waits_for_a_writer(ml_folder) -> None:
    describe(ml_folder, "Pipe", "train")
    make_pipe(ml_folder, "train_0")
    log = ""
    with subprocess.Popen(
        train_command(), env=ml_folder.environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            log += line
            if "reads the pipe" in line:
                time.sleep(0.2)
                break
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        log += process.communicate(timeout=20)[0]
        assert time.monotonic() - asked < 5
    assert process.returncode == 0, log
    assert "Stopped by SIGTERM" in log
    assert not ml_folder.failure.exists()
