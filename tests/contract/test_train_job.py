"""`train` does a job as the platform sends it: exit code, model, log lines, no failure file."""

import json
import re
import sys
from pathlib import Path

import pytest

from object2vec.metric_definitions import METRIC_DEFINITIONS
from object2vec.saved_model import SavedModel

PREFIX = re.compile(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d (INFO|WARNING|ERROR) \d+\] ")


def as_the_platform_sends_it(ml_folder, **hyperparameters: str):
    channels = {}
    for name, count in {"train": 60, "validation": 20, "test": 20}.items():
        ml_folder.channel(name, ml_folder.records(count))
        channels[name] = {
            "ContentType": "application/jsonlines",
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    ml_folder.config("inputdataconfig", channels)
    ml_folder.config(
        "resourceconfig",
        {
            "current_host": "algo-1",
            "hosts": ["algo-1"],
            "network_interface_name": "eth0",
            "current_instance_type": "ml.m5.xlarge",
        },
    )
    return ml_folder.hyperparameters(**hyperparameters)


def captured(log: str) -> dict[str, list[float]]:
    """What the published metric definitions find in a log."""
    return {
        metric.name: [float(value) for value in re.findall(metric.regex, log)]
        for metric in METRIC_DEFINITIONS
    }


def metrics_lines(log: str) -> list[dict]:
    return [
        json.loads(line.removeprefix("#metrics "))
        for line in log.splitlines()
        if line.startswith("#metrics ")
    ]


@pytest.fixture(scope="module")
def whole_job(make_ml_folder):
    """A finished job with all channels, which several tests look at."""
    ml_folder = as_the_platform_sends_it(make_ml_folder())
    return ml_folder, ml_folder.train()


def test_a_job_with_all_channels_leaves_a_model_and_its_metrics(whole_job) -> None:
    ml_folder, run = whole_job
    assert (run.exit_code, run.failure, run.errors) == (0, None, "")
    found = captured(run.log)
    assert [len(found[f"{name}:accuracy"]) for name in ("train", "validation", "test")] == [2, 2, 1]
    assert [len(found[f"{name}:cross_entropy"]) for name in ("train", "validation")] == [2, 2]
    assert found["train:progress"] == [50.0, 100.0]
    assert all(value > 0 for value in found["train:throughput"])
    assert not any(name.endswith("mean_squared_error") and found[name] for name in found)

    model = SavedModel.open(ml_folder.model)
    assert model.hyperparameters.enc_dim == 4
    # What the log says, the model folder says.
    manifest = json.loads(next(ml_folder.model.glob("*.json")).read_text())
    assert str(found["validation:cross_entropy"][-1]) in json.dumps(manifest)
    assert re.search(r"#test_score \(algo-1\) : \('accuracy', [\d.]+\)", run.log)
    assert "Config: {" in run.log
    assert "Total params: " in run.log


def test_a_regression_logs_its_own_metrics(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(40, 2.5))
    ml_folder.channel("test", ml_folder.records(10, 2.5))
    run = ml_folder.hyperparameters(output_layer="mean_squared_error").train()
    assert run.exit_code == 0
    found = captured(run.log)
    assert len(found["train:mean_squared_error"]) == 2
    assert len(found["test:mean_squared_error"]) == 1
    assert not found["train:accuracy"]
    assert "#test_score (algo-1) : ('mean_absolute_error', " in run.log


def test_every_line_but_metrics_and_the_table_has_the_original_s_prefix(whole_job) -> None:
    lines = whole_job[1].log.splitlines()
    table = range(
        next(n for n, line in enumerate(lines) if line.startswith("___")),
        next(n for n, line in enumerate(lines) if line.startswith("Total params")) + 2,
    )
    for number, line in enumerate(lines):
        if number not in table and not line.startswith("#metrics "):
            assert PREFIX.match(line), line


def test_the_metrics_json_times_and_counts_the_job(whole_job) -> None:
    lines = metrics_lines(whole_job[1].log)
    assert all(line["StartTime"] <= line["EndTime"] for line in lines)
    assert all(line["Dimensions"]["Algorithm"] == "ObjectToVec" for line in lines)
    names = {name for line in lines for name in line["Metrics"]}
    assert {
        *("initialize.time", "epochs", "update.time", "early_stop.time", "finalize.time"),
        *("model.serialize.time", "model.score.time", "setuptime", "totaltime"),
    } < names
    by_meta = {
        (line["Dimensions"].get("Meta"), line["Dimensions"].get("epoch")): line["Metrics"]
        for line in lines
    }
    assert by_meta["training_data_iter", 1]["Total Records Seen"]["sum"] == 128.0  # filled up
    assert by_meta["training_data_iter", 1]["Reset Count"]["max"] == 2
    assert by_meta["test_data_iter", None]["Total Records Seen"]["sum"] == 20.0
    total = lines[-1]["Metrics"]["totaltime"]["sum"]
    assert 0 < lines[-1]["Metrics"]["setuptime"]["sum"] < total < 120_000


def test_early_stopping_ends_the_job_at_100_percent_of_epochs(ml_folder) -> None:
    as_the_platform_sends_it(
        ml_folder,
        epochs="20",
        early_stopping_patience="1",
        early_stopping_tolerance="0.1",
        learning_rate="0.000001",
    )
    run = ml_folder.train()
    assert run.exit_code == 0
    # Epoch 0 fills the window, 1 and 2 are bad: 2 is greater than the patience.
    assert captured(run.log)["train:progress"] == [5.0, 10.0, 100.0]
    assert "#progress_metric: host=algo-1, completed 100 % epochs" in run.log
    assert re.search(r"patience losses: \[0\.\d+\]", run.log)
    assert "Bad epoch: loss has not improved (enough). Bad count:2" in run.log


def test_a_pipe_gets_a_line_every_100_batches_and_no_bar(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(230))
    run = ml_folder.hyperparameters(mini_batch_size="1", epochs="1").train()
    assert re.findall(r"Epoch: 0, batches: (\d+), num_examples: (\d+), ", run.log) == [
        ("100", "100"),
        ("200", "200"),
    ]
    assert len(re.findall(r"\] \tTraining metrics: perplexity: \d", run.log)) == 2
    assert "of at most" not in run.log + run.errors


def test_the_same_seed_gives_the_same_metrics(whole_job) -> None:
    ml_folder, run = whole_job
    first, second = captured(run.log), captured(ml_folder.train().log)
    del first["train:throughput"], second["train:throughput"]
    assert first == second


def test_folders_alone_make_a_job(ml_folder) -> None:
    """As `docker run -v` users have it: no description of channels or hosts."""
    ml_folder.channel("train", ml_folder.records(20)).hyperparameters(epochs="1")
    (ml_folder.root / "input" / "data" / ".ipynb_checkpoints").mkdir()
    ml_folder.failure.parent.mkdir()
    ml_folder.failure.write_text("ClientError: of an earlier job")
    run = ml_folder.train()
    assert (run.exit_code, run.failure) == (0, None)
    assert "host=algo-1" in run.log
    assert "There is no validation channel" in run.log


def test_the_lines_name_the_host_and_warn_of_an_objective_without_channel(ml_folder) -> None:
    ml_folder.channel("train", ml_folder.records(20))
    ml_folder.config("resourceconfig", {"current_host": "box-9", "hosts": ["box-9"]})
    ml_folder.hyperparameters(epochs="1", _tuning_objective_metric="validation:accuracy")
    run = ml_folder.train()
    assert "#progress_metric: host=box-9, completed 100.0 %" in run.log
    assert "The tuning objective validation:accuracy is never logged" in run.log


def test_help_says_where_the_job_stands(ml_folder) -> None:
    run = ml_folder.train("--help")
    assert run.exit_code == 0
    assert "input/config/hyperparameters.json" in run.log
    assert "OBJECT2VEC_ML_ROOT" in run.log


@pytest.mark.skipif(
    not Path(sys.executable).with_name("train").exists(), reason="the project is not installed"
)
def test_the_console_script_is_what_was_tested(ml_folder) -> None:
    run = ml_folder.train("extra")
    assert run.exit_code == 2
    assert "usage: train" in run.errors
