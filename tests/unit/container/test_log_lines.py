"""The events of a training become the original's log lines, to the letter."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from object2vec.hyperparameters import Hyperparameters
from object2vec.metric_definitions import METRIC_DEFINITIONS
from object2vec.training import events
from object2vec_container.line_format import LineFormatter
from object2vec_container.log_lines import LogLines, log_configuration

PREFIX = re.compile(r"^\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d (INFO|WARNING|ERROR) \d+\] ")
HYPERPARAMETERS = Hyperparameters.from_strings(
    {
        "enc0_vocab_size": "1000",
        "enc0_max_seq_len": "50",
        "epochs": "20",
        "early_stopping_patience": "2",
    }
)
MODEL = Path("/opt/ml/model")


class Lines:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = StringIO()

    @property
    def all(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def told(self) -> list[str]:
        """The lines without prefixes and without `#metrics`."""
        return [PREFIX.sub("", line) for line in self.all if not line.startswith("#metrics ")]

    @property
    def metrics(self) -> list[dict]:
        start = "#metrics "
        return [json.loads(line[len(start) :]) for line in self.all if line.startswith(start)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Collects the package's log, formatted as the program formats it."""
    found = Lines()
    handler = logging.StreamHandler(found.stream)
    handler.setFormatter(LineFormatter())
    logger = logging.getLogger("object2vec_container.log_lines")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def listener() -> LogLines:
    """A listener at a job that started at 100 and whose clock stands at 102."""
    return LogLines("algo-1", HYPERPARAMETERS, 100.0, clock=lambda: 102.0)


@pytest.fixture
def utc() -> Iterator[None]:
    """Local time is UTC, as in the containers of the platform."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def classification(cross_entropy: float, accuracy: float) -> dict[str, float]:
    return {"perplexity": 1.25, "cross_entropy": cross_entropy, "accuracy": accuracy}


def epoch(number: int, **changes: object) -> events.EpochEnded:
    """An epoch of 4,000 records, trained in 4 of its 5 seconds."""
    values: dict[str, object] = {
        "epoch": number,
        "epochs": 20,
        "train": classification(0.25, 0.875),
        "validation": classification(0.2084712357, 0.9149828),
        "batches": 8,
        "records": 4000,
        "records_per_second": 1000.0,
        "started": 200.0 + 10 * number,
        "ended": 205.0 + 10 * number,
    }
    return events.EpochEnded(**{**values, **changes})  # type: ignore[arg-type]


# The document run whose log was published: patience 2, tolerance 0.01.
CHECK = events.EarlyStoppingChecked(
    epoch=2,
    window=(0.20847, 0.19761),
    loss=0.20252,
    bad_epochs=1,
    stops=False,
    started=225.0,
    ended=225.001,
)


def test_an_epoch_is_told_with_its_metrics_progress_and_throughput(
    lines: Lines, listener: LogLines
) -> None:
    listener(epoch(0))
    assert lines.told == [
        "**************",
        "Completed Epoch: 0, time taken: 0:00:04",
        "Epoch 0 Training metrics:   perplexity: 1.250 cross_entropy: 0.250 accuracy: 0.875 ",
        "#quality_metric: host=algo-1, epoch=0, train cross_entropy <loss>=0.25",
        "#quality_metric: host=algo-1, epoch=0, train accuracy <score>=0.875",
        "Epoch 0 Validation metrics: perplexity: 1.250 cross_entropy: 0.208 accuracy: 0.915 ",
        "#quality_metric: host=algo-1, epoch=0, validation cross_entropy <loss>=0.2084712357",
        "#quality_metric: host=algo-1, epoch=0, validation accuracy <score>=0.9149828",
        "**************",
        "#progress_metric: host=algo-1, completed 5.0 % of epochs",
        "#throughput_metric: host=algo-1, train throughput=1000.0 records/second",
    ]


def test_a_regression_without_validation_has_its_own_metrics(
    lines: Lines, listener: LogLines
) -> None:
    metrics = {"mean_squared_error": 0.9190001, "mean_absolute_error": 0.75}
    listener(epoch(1, train=metrics, validation=None))
    assert lines.told[2:5] == [
        "Epoch 1 Training metrics:   mean_squared_error: 0.919 mean_absolute_error: 0.750 ",
        "#quality_metric: host=algo-1, epoch=1, train mean_squared_error <loss>=0.9190001",
        "**************",
    ]


def test_a_loss_keeps_every_digit(lines: Lines, listener: LogLines) -> None:
    listener(epoch(0, validation=classification(1.2345678901234566e-07, 1 / 3)))
    assert lines.told[6].endswith("<loss>=1.2345678901234566e-07")
    assert lines.told[7].endswith("<score>=0.3333333333333333")


def test_early_stopping_s_view_comes_before_the_epoch_s_progress(
    lines: Lines, listener: LogLines
) -> None:
    listener(epoch(2))
    assert lines.told[-1] == "**************"  # the rest waits for early stopping
    listener(CHECK)
    assert lines.told[9:] == [
        "patience losses: [0.20847, 0.19761]",
        "min patience losses: 0.19761",
        "current loss: 0.20252",
        f"absolute loss difference: {0.20252 - 0.19761!r}",
        "Bad epoch: loss has not improved (enough). Bad count:1",
        "#progress_metric: host=algo-1, completed 15.0 % of epochs",
        "#throughput_metric: host=algo-1, train throughput=1000.0 records/second",
    ]


def test_a_good_epoch_has_no_bad_count(lines: Lines, listener: LogLines) -> None:
    listener(epoch(2))
    listener(
        events.EarlyStoppingChecked(2, (0.20847, 0.19761), 0.18, 0, False, 225.0, 225.0),
    )
    assert lines.told[12:14] == [
        f"absolute loss difference: {0.19761 - 0.18!r}",
        "#progress_metric: host=algo-1, completed 15.0 % of epochs",
    ]


def test_the_epoch_that_stops_ends_at_100_percent(lines: Lines, listener: LogLines) -> None:
    listener(epoch(6))
    listener(events.EarlyStoppingChecked(6, (0.19689, 0.193), 0.1977, 3, True, 265.0, 265.0))
    assert lines.told[13:] == [
        "Bad epoch: loss has not improved (enough). Bad count:3",
        "Bad epochs exceeded patience. Stopping training early!",
        "Early stopping criterion met! Stopping training at epoch: 6",
        "Early stop condition met. Stopping training.",
        "#progress_metric: host=algo-1, completed 100 % epochs",
        "#throughput_metric: host=algo-1, train throughput=1000.0 records/second",
    ]


def test_the_last_epoch_completes_100_percent_of_epochs(lines: Lines, listener: LogLines) -> None:
    listener(epoch(0, epochs=1))
    assert "#progress_metric: host=algo-1, completed 100.0 % of epochs" in lines.told


def test_an_epoch_that_no_check_follows_is_told_to_its_end(
    lines: Lines, listener: LogLines
) -> None:
    listener(epoch(5))
    listener(events.BestModelSaved(5, 0.2, MODEL, 300.0, 300.5))
    assert lines.told[-3:] == [
        "#progress_metric: host=algo-1, completed 30.0 % of epochs",
        "#throughput_metric: host=algo-1, train throughput=1000.0 records/second",
        "Saved the model of epoch 5, the best so far, to /opt/ml/model",
    ]


def test_progress_is_told_in_two_lines(lines: Lines, listener: LogLines) -> None:
    progress = events.Progress(
        epoch=1,
        batches=100,
        epoch_batches=1956,
        records=51200,
        records_per_second=14462.63,
        seconds=3.54016,
        metrics=classification(0.191, 0.925),
    )
    listener(progress)
    assert lines.told == [
        "Epoch: 1, batches: 100, num_examples: 51200, 14462.6 samples/sec, "
        "epoch time so far: 0:00:03.540160",
        "\tTraining metrics: perplexity: 1.250 cross_entropy: 0.191 accuracy: 0.925 ",
    ]
    LogLines("algo-1", HYPERPARAMETERS, 100.0, logs_progress=False)(progress)
    assert len(lines.all) == 2


def test_the_end_names_the_best_epoch(lines: Lines, listener: LogLines) -> None:
    listener(events.TrainingEnded(7, True, 3, 0.18132, "validation cross_entropy", 1.0, 2.0))
    assert lines.told == ["Best model based on epoch 3. Best loss: 0.181"]


def test_the_test_channel_s_score_has_no_epoch(lines: Lines, listener: LogLines) -> None:
    metrics = {"perplexity": 1.198, "cross_entropy": 0.1808, "accuracy": 0.9302}
    listener(events.TestScored(metrics, 60000, 118, 400.0, 403.0))
    assert lines.told == [
        "Finished scoring on 60000 examples from 118 batches.",
        "Test Metrics: perplexity: 1.198 cross_entropy: 0.181 accuracy: 0.930 ",
        "#test_score (algo-1) : ('perplexity', 1.198)",
        "#test_score (algo-1) : ('cross_entropy', 0.1808)",
        "#test_score (algo-1) : ('accuracy', 0.9302)",
        "#quality_metric: host=algo-1, test cross_entropy <loss>=0.1808",
        "#quality_metric: host=algo-1, test accuracy <score>=0.9302",
    ]


def test_every_published_pattern_finds_its_value(lines: Lines, listener: LogLines) -> None:
    squared = {"mean_squared_error": 0.5, "mean_absolute_error": 0.25}
    listener(epoch(0))
    listener(epoch(1, train=squared, validation={**squared, "mean_squared_error": 0.625}))
    listener(events.TestScored(classification(0.1808, 0.9302), 10, 1, 0.0, 1.0))
    listener(events.TestScored({**squared, "mean_squared_error": 0.75}, 10, 1, 0.0, 1.0))
    log = "\n".join(lines.all)
    found = {metric.name: re.findall(metric.regex, log) for metric in METRIC_DEFINITIONS}
    assert found == {
        "train:accuracy": ["0.875"],
        "train:cross_entropy": ["0.25"],
        "train:mean_squared_error": ["0.5"],
        "train:progress": ["5.0", "10.0"],
        "train:throughput": ["1000.0", "1000.0"],
        "validation:accuracy": ["0.9149828"],
        "validation:cross_entropy": ["0.2084712357"],
        "validation:mean_squared_error": ["0.625"],
        "test:accuracy": ["0.9302"],
        "test:cross_entropy": ["0.1808"],
        "test:mean_squared_error": ["0.75"],
    }


def test_the_pattern_of_progress_finds_the_early_end_too(lines: Lines, listener: LogLines) -> None:
    listener(epoch(6))
    listener(events.EarlyStoppingChecked(6, (0.2, 0.1), 0.3, 3, True, 265.0, 265.0))
    (pattern,) = (metric.regex for metric in METRIC_DEFINITIONS if metric.name == "train:progress")
    assert re.findall(pattern, "\n".join(lines.all)) == ["100"]


def one(value: float) -> dict[str, float]:
    return {"sum": float(value), "count": 1, "min": value, "max": value}


def test_an_epoch_s_metrics_json(lines: Lines, listener: LogLines) -> None:
    listener(epoch(0))
    listener(epoch(2, records=5000, batches=10))
    listener(CHECK)
    dimensions = {"Algorithm": "ObjectToVec", "Host": "algo-1", "Operation": "training"}
    assert lines.metrics[0] == {
        "StartTime": 200.0,
        "EndTime": 205.0,
        "Dimensions": dimensions,
        "Metrics": {
            "epochs": one(20),
            "early_stop.time": one(0.0),
            "update.time": one(5000.0),
        },
    }
    times = lines.metrics[2]["Metrics"]
    assert set(times) == {"early_stop.time", "update.time"}
    assert times["early_stop.time"]["sum"] == pytest.approx(1.0)
    assert lines.metrics[2]["EndTime"] == 225.001
    assert lines.metrics[3] == {
        "StartTime": 220.0,
        "EndTime": 225.001,
        "Dimensions": {**dimensions, "epoch": 2, "Meta": "training_data_iter"},
        "Metrics": {
            "Total Records Seen": one(9000),
            "Total Batches Seen": one(18),
            "Max Records Seen Between Resets": one(5000),
            "Max Batches Seen Between Resets": one(10),
            "Reset Count": one(2),
            "Number of Records Since Last Reset": one(5000),
            "Number of Batches Since Last Reset": one(10),
        },
    }


def test_the_metrics_json_of_beginning_and_end(lines: Lines, listener: LogLines) -> None:
    listener(events.TrainingBegan(20, 101.0, 103.5))
    listener(events.BestModelSaved(0, 0.3, MODEL, 206.0, 206.25))
    listener(events.BestModelSaved(1, 0.2, MODEL, 216.0, 216.75))
    listener(events.TrainingEnded(2, False, 1, 0.2, "train cross_entropy", 217.0, 217.5))
    listener(events.TestScored(classification(0.2, 0.9), 60, 4, 218.0, 220.0))
    listener.close()
    begun, nothing, finalized, tested, whole = lines.metrics
    assert begun["Metrics"] == {"initialize.time": one(2500.0)}
    assert nothing["Dimensions"]["Meta"] == "init_train_data_iter"
    assert nothing["Metrics"]["Reset Count"] == one(0)
    assert finalized["Metrics"] == {"finalize.time": one(500.0)}
    assert tested["Dimensions"]["Meta"] == "test_data_iter"
    assert "epoch" not in tested["Dimensions"]
    assert tested["Metrics"]["Total Records Seen"] == one(60)
    assert whole["Metrics"] == {
        "setuptime": one(2000.0),
        "model.serialize.time": {"sum": 1000.0, "count": 2, "min": 250.0, "max": 750.0},
        "model.score.time": one(2000.0),
        "totaltime": one(2000.0),
    }


def test_the_table_counts_all_parameters_but_the_token_tables(
    lines: Lines, listener: LogLines
) -> None:
    parameters = {
        "mlp_fc0_weight": (256, 4096),
        "mlp_fc0_bias": (256,),
        "output_layer_weight": (1, 256),
        "output_layer_bias": (1,),
    }
    tables = {"embed_0_weight": (944, 1024), "embed_1_weight": (1684, 1024)}
    listener(events.NetworkBuilt(parameters, tables, "gpu(0)"))
    # The movie network whose table was published.
    assert "Total params: 1049089" in lines.all
    rows = {line.split()[0]: line.split()[1:] for line in lines.all if "_weight" in line}
    assert rows["mlp_fc0_weight"] == ["256x4096", "1048576"]
    assert " ".join(rows["embed_0_weight"]) == "944x1024 0 token table of 966656, not counted"
    assert [line for line in lines.all if PREFIX.match(line)] == [lines.all[0]]
    assert lines.told[0] == "context [gpu(0)]"


def test_a_remark_is_a_line_of_its_level(lines: Lines, listener: LogLines) -> None:
    listener(events.Remark("WARNING", "mind 100 % of this"))
    listener(events.Remark("INFO", "and this"))
    assert re.match(PREFIX.pattern + "mind 100 % of this$", lines.all[0])
    assert [re.split(r"[ \]]", line)[2] for line in lines.all] == ["WARNING", "INFO"]


def test_the_prefix_is_date_time_level_and_thread(
    lines: Lines, listener: LogLines, monkeypatch: pytest.MonkeyPatch, utc: None
) -> None:
    monkeypatch.setattr("time.time", lambda: 1568711635.25)
    monkeypatch.setattr("threading.get_ident", lambda: 139906956855104)
    listener(events.Remark("INFO", "told"))
    assert lines.all == ["[09/17/2019 09:13:55 INFO 139906956855104] told"]


def test_the_configuration_is_echoed_as_defaults_given_and_merged(lines: Lines) -> None:
    given = {"enc0_vocab_size": "1000", "enc0_max_seq_len": "50", "epochs": "20"}
    log_configuration(given, "/opt/ml/input/config/hyperparameters.json", HYPERPARAMETERS)
    starts = [line.partition(": ")[0] for line in lines.told]
    assert starts == [
        "Reading default configuration from object2vec",
        "Merging with provided configuration from /opt/ml/input/config/hyperparameters.json",
        "Final configuration",
        "Parameters of encoders",
        "Encoder configs",
        "Config",
    ]
    assert "'enc_dim': '4096'" in lines.told[0]
    assert "enc0_vocab_size" not in lines.told[0]
    assert lines.told[1].endswith(f": {given}")
    assert "'epochs': '20'" in lines.told[2]
    assert "'optimizer': 'adam'" in lines.told[2]
    assert "'enc_index': 1, 'max_seq_len': 50, 'vocab_size': 1000" in lines.told[4]
    assert "'comparator_list': ['hadamard', 'concat', 'abs_diff']" in lines.told[5]
