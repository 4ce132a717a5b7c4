"""The original's log lines, to the letter, from the events of a training.

Metric definitions and tuning jobs read these lines, so their wording is fixed. Values that are
measured stand in full precision, those that only show progress in three digits.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from object2vec.hyperparameter_table import ENCODER_PARTS, SIDES, default_strings
from object2vec.hyperparameters import Hyperparameters
from object2vec.training import events
from object2vec_container.line_format import WITHOUT_PREFIX

logger = logging.getLogger(__name__)

# What the original publishes as quality metrics, and the word it puts after each.
QUALITY_METRICS = {"cross_entropy": "loss", "accuracy": "score", "mean_squared_error": "loss"}

_ALGORITHM = "ObjectToVec"
_STARS = "**************"
_TABLE_WIDTH = 100


def log_configuration(
    given: Mapping[str, object], source: str, hyperparameters: Hyperparameters
) -> None:
    """Log what was given, what holds by default, and what the job makes of both.

    Args:
        given: Names to values as they were sent.
        source: The file they stand in.
        hyperparameters: What was made of them.
    """
    defaults = default_strings()
    strings = hyperparameters.as_strings()
    logger.info("Reading default configuration from object2vec: %s", defaults)
    logger.info("Merging with provided configuration from %s: %s", source, dict(given))
    logger.info("Final configuration: %s", {**defaults, **given})
    logger.info(
        "Parameters of encoders: %s",
        [{part: strings[f"{side}_{part}"] for part in ENCODER_PARTS} for side in SIDES],
    )
    config = asdict(hyperparameters)
    del config["notes"]
    config["comparator_list"] = list(hyperparameters.comparator_list)
    encoders = [
        {"enc_index": index, **config.pop(side), "dropout": hyperparameters.dropout}
        for index, side in enumerate(SIDES)
    ]
    logger.info("Encoder configs: %s", encoders)
    logger.info("Config: %s", {**config, "enc_configs": encoders})


class LogLines:
    """A listener that logs every event.

    Args:
        host: This machine's name in the lines.
        hyperparameters: The job's; early stopping's patience says when an epoch is told to its end.
        started: When the program started, in seconds since the epoch.
        logs_progress: Whether to log the lines of every 100 batches (a progress bar replaces them).
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(
        self,
        host: str,
        hyperparameters: Hyperparameters,
        started: float,
        logs_progress: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._host = host
        self._patience = hyperparameters.early_stopping_patience
        self._logs_progress = logs_progress
        self._clock = clock
        self._started = started
        self._set_up = clock()
        self._unfinished: events.EpochEnded | None = None
        self._records: list[int] = []  # an epoch's each
        self._batches: list[int] = []
        self._times: dict[str, list[float]] = {}  # in seconds

    def __call__(self, event: events.Event) -> None:
        """Log one event."""
        if not isinstance(event, events.EarlyStoppingChecked):
            self._finish_epoch(None)
        match event:
            case events.Remark():
                logger.log(logging.getLevelName(event.level), "%s", event.message)
            case events.ChannelRead():
                pass  # a Remark has told what was read, and how long it took
            case events.NetworkBuilt():
                _log_parameters(event)
            case events.TrainingBegan():
                self._log_beginning(event)
            case events.Progress():
                if self._logs_progress:
                    _log_progress(event)
            case events.EpochEnded():
                self._log_epoch(event)
            case events.EarlyStoppingChecked():
                _log_check(event)
                self._finish_epoch(event)
            case events.BestModelSaved():
                self._note_time("model.serialize.time", event)
                logger.info(
                    "Saved the model of epoch %d, the best so far, to %s", event.epoch, event.folder
                )
            case events.TrainingEnded():
                logger.info(
                    "Best model based on epoch %d. Best loss: %.3f",
                    event.best_epoch,
                    event.best_loss,
                )
                self._log_times({"finalize.time": [event.ended - event.started]}, event)
            case events.TestScored():
                self._note_time("model.score.time", event)
                self._log_test(event)

    def close(self) -> None:
        """Log the times of the whole job, which has succeeded."""
        now = self._clock()
        times = {
            "setuptime": [self._set_up - self._started],
            **self._times,
            "totaltime": [now - self._started],
        }
        self._log_metrics(self._set_up, now, _milliseconds(times))

    def _note_time(self, name: str, event: events.BestModelSaved | events.TestScored) -> None:
        self._times.setdefault(name, []).append(event.ended - event.started)

    def _log_beginning(self, event: events.TrainingBegan) -> None:
        self._log_times({"initialize.time": [event.ended - event.started]}, event)
        nothing = _counters(records=[], batches=[])
        self._log_metrics(event.ended, event.ended, nothing, Meta="init_train_data_iter")

    def _log_epoch(self, event: events.EpochEnded) -> None:
        self._records.append(event.records)
        self._batches.append(event.batches)
        taken = event.records / event.records_per_second if event.records_per_second else 0.0
        logger.info(_STARS)
        logger.info("Completed Epoch: %d, time taken: %s", event.epoch, timedelta(seconds=taken))
        self._log_quality(event.epoch, "Training", "  ", event.train)
        if event.validation is not None:
            self._log_quality(event.epoch, "Validation", "", event.validation)
        logger.info(_STARS)
        self._unfinished = event
        if event.epoch < self._patience:  # too few losses for early stopping to look at
            self._finish_epoch(None)

    def _log_quality(self, epoch: int, name: str, blanks: str, metrics: events.Metrics) -> None:
        logger.info("Epoch %d %s metrics: %s%s", epoch, name, blanks, _rounded(metrics))
        segment = "train" if name == "Training" else "validation"
        for metric, word in _quality(metrics):
            logger.info(
                "#quality_metric: host=%s, epoch=%d, %s %s <%s>=%r",
                self._host,
                epoch,
                segment,
                metric,
                word,
                metrics[metric],
            )

    def _finish_epoch(self, check: events.EarlyStoppingChecked | None) -> None:
        """Log the end of an epoch that is not told to its end yet."""
        event, self._unfinished = self._unfinished, None
        if event is None:
            return
        ended = check.ended if check else event.ended
        metrics = _milliseconds(
            {
                "early_stop.time": [check.ended - check.started if check else 0.0],
                "update.time": [event.ended - event.started],
            }
        )
        if event.epoch == 0:
            metrics = {"epochs": _summary([event.epochs]), **metrics}
        self._log_metrics(event.started, ended, metrics)
        if check and check.stops:
            logger.info("Early stop condition met. Stopping training.")
            logger.info("#progress_metric: host=%s, completed 100 %% epochs", self._host)
        else:
            completed = 100 * (event.epoch + 1) / event.epochs
            logger.info(
                "#progress_metric: host=%s, completed %r %% of epochs", self._host, completed
            )
        self._log_metrics(
            event.started,
            ended,
            _counters(self._records, self._batches),
            epoch=event.epoch,
            Meta="training_data_iter",
        )
        logger.info(
            "#throughput_metric: host=%s, train throughput=%r records/second",
            self._host,
            event.records_per_second,
        )

    def _log_test(self, event: events.TestScored) -> None:
        logger.info(
            "Finished scoring on %d examples from %d batches.", event.records, event.batches
        )
        logger.info("Test Metrics: %s", _rounded(event.metrics))
        counters = _counters([event.records], [event.batches])
        self._log_metrics(event.started, event.ended, counters, Meta="test_data_iter")
        for metric, value in event.metrics.items():
            logger.info("#test_score (%s) : %r", self._host, (metric, value))
        for metric, word in _quality(event.metrics):
            logger.info(
                "#quality_metric: host=%s, test %s <%s>=%r",
                self._host,
                metric,
                word,
                event.metrics[metric],
            )

    def _log_times(
        self,
        times: Mapping[str, Sequence[float]],
        event: events.TrainingBegan | events.TrainingEnded,
    ) -> None:
        self._log_metrics(event.started, event.ended, _milliseconds(times))

    def _log_metrics(
        self,
        started: float,
        ended: float,
        metrics: Mapping[str, Mapping[str, float]],
        **dimensions: str | int,
    ) -> None:
        line = {
            "StartTime": started,
            "EndTime": ended,
            "Dimensions": {
                "Algorithm": _ALGORITHM,
                "Host": self._host,
                "Operation": "training",
                **dimensions,
            },
            "Metrics": metrics,
        }
        logger.info("#metrics %s", json.dumps(line), extra=WITHOUT_PREFIX)


def _log_parameters(event: events.NetworkBuilt) -> None:
    """Log the table of parameters; the total leaves out token tables, as the original's does."""
    row = "%-44s%-20s%-12s%s"
    lines = [
        "_" * _TABLE_WIDTH,
        row % ("Parameter", "Shape", "Param #", ""),
        "=" * _TABLE_WIDTH,
    ]
    for name, shape in event.tables.items():
        uncounted = f"token table of {math.prod(shape)}, not counted"
        lines.append(row % (name, _by(shape), 0, uncounted))
    for name, shape in event.parameters.items():
        lines.append(row % (name, _by(shape), math.prod(shape), ""))
    lines += ["=" * _TABLE_WIDTH, f"Total params: {event.parameter_count}", "_" * _TABLE_WIDTH]
    logger.info("context [%s]", event.device)
    for line in lines:
        logger.info("%s", line.rstrip(), extra=WITHOUT_PREFIX)


def _by(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))


def _log_progress(event: events.Progress) -> None:
    logger.info(
        "Epoch: %d, batches: %d, num_examples: %d, %.1f samples/sec, epoch time so far: %s",
        event.epoch,
        event.batches,
        event.records,
        event.records_per_second,
        timedelta(seconds=event.seconds),
    )
    logger.info("\tTraining metrics: %s", _rounded(event.metrics))


def _log_check(event: events.EarlyStoppingChecked) -> None:
    smallest = min(event.window)
    logger.info("patience losses: %s", list(event.window))
    logger.info("min patience losses: %r", smallest)
    logger.info("current loss: %r", event.loss)
    logger.info("absolute loss difference: %r", abs(smallest - event.loss))
    if event.bad_epochs:
        logger.info(
            "Bad epoch: loss has not improved (enough). Bad count:%d",
            event.bad_epochs,
        )
    if event.stops:
        logger.info("Bad epochs exceeded patience. Stopping training early!")
        logger.info("Early stopping criterion met! Stopping training at epoch: %d", event.epoch)


def _quality(metrics: events.Metrics) -> list[tuple[str, str]]:
    """Return the quality metrics among the metrics and their words, in the original's order."""
    return [(name, word) for name, word in QUALITY_METRICS.items() if name in metrics]


def _rounded(metrics: events.Metrics) -> str:
    return "".join(f"{name}: {value:.3f} " for name, value in metrics.items())


def _milliseconds(times: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {name: _summary([1000 * value for value in values]) for name, values in times.items()}


def _counters(records: Sequence[int], batches: Sequence[int]) -> dict[str, dict[str, float]]:
    """Return the counters of a data iterator from the records and batches of each of its passes."""
    counters = {
        "Total Records Seen": sum(records),
        "Total Batches Seen": sum(batches),
        "Max Records Seen Between Resets": max(records, default=0),
        "Max Batches Seen Between Resets": max(batches, default=0),
        "Reset Count": len(records),
        "Number of Records Since Last Reset": records[-1] if records else 0,
        "Number of Batches Since Last Reset": batches[-1] if batches else 0,
    }
    return {name: _summary([value]) for name, value in counters.items()}


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "sum": float(sum(values)),
        "count": len(values),
        "min": min(values),
        "max": max(values),
    }
