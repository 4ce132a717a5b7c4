"""The bar draws how far the training is, and lines stand above it."""

import logging
from io import StringIO

from object2vec.training import events
from object2vec_container.progress_bar import LinesAboveBar, ProgressBar

METRICS = {"mean_squared_error": 0.51234, "mean_absolute_error": 0.25}


def progress(epoch: int, batches: int, epoch_batches: int) -> events.Progress:
    return events.Progress(epoch, batches, epoch_batches, 6400, 15107.6, 0.42, METRICS)


def last_drawn(stream: StringIO) -> str:
    return stream.getvalue().rpartition("\r")[2].rstrip()


def test_the_bar_counts_epochs_and_parts_of_them() -> None:
    stream = StringIO()
    bar = ProgressBar(stream, 4)
    bar(events.TrainingBegan(4, 0.0, 1.0))
    assert last_drawn(stream).startswith("epoch 1 of at most 4:   0%|")
    bar(progress(1, 100, 200))
    assert last_drawn(stream).startswith("epoch 2 of at most 4:  38%|")
    assert "15,108 records/s, mean_squared_error 0.512" in last_drawn(stream)
    bar(events.EpochEnded(1, 4, METRICS, {"mean_squared_error": 0.75}, 200, 12800, 9.0, 0.0, 1.0))
    assert last_drawn(stream).startswith("epoch 2 of at most 4:  50%|")
    assert last_drawn(stream).endswith("9 records/s, mean_squared_error 0.750")
    bar(events.TrainingEnded(2, True, 1, 0.5, "validation mean_squared_error", 1.0, 2.0))
    assert last_drawn(stream) == ""


def test_more_batches_than_foretold_do_not_pass_the_epoch() -> None:
    stream = StringIO()
    bar = ProgressBar(stream, 1)
    bar(events.TrainingBegan(1, 0.0, 1.0))
    bar(progress(0, 300, 200))
    assert "100%|" in last_drawn(stream)
    bar.close()


def test_an_event_before_the_training_draws_nothing() -> None:
    stream = StringIO()
    bar = ProgressBar(stream, 1)
    bar(events.Remark("INFO", "read"))
    bar(progress(0, 1, 2))
    bar.close()
    bar.close()
    assert stream.getvalue() == ""


def test_a_line_is_written_above_the_bar_which_is_drawn_anew() -> None:
    stream = StringIO()
    handler = LinesAboveBar(stream)
    bar = ProgressBar(stream, 4)
    bar(events.TrainingBegan(4, 0.0, 1.0))
    handler.emit(logging.makeLogRecord({"msg": "a line"}))
    pieces = stream.getvalue().split("\r")
    assert pieces[-2] == "a line\n"
    assert pieces[-3].strip() == ""  # the bar's place was cleared first
    assert pieces[-1].startswith("epoch 1 of at most 4:")
    bar.close()
