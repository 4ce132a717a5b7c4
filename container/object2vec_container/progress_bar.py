"""The progress bar that a terminal gets in place of the lines of every 100 batches.

Other log lines stay readable: they are written above the bar.
"""

import logging
from typing import TextIO

from tqdm import tqdm

from object2vec.training import events


class LinesAboveBar(logging.StreamHandler[TextIO]):
    """Writes log lines above whatever bar stands on the stream."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            tqdm.write(self.format(record), file=self.stream)
            self.flush()
        except Exception:  # as in every handler: a lost line ends no program
            self.handleError(record)


class ProgressBar:
    """A listener that draws how far the training is, by epochs of the most there can be.

    Args:
        stream: The terminal.
        epochs: Most epochs there can be.
    """

    def __init__(self, stream: TextIO, epochs: int) -> None:
        self._stream = stream
        self._epochs = epochs
        self._bar: tqdm | None = None

    def __call__(self, event: events.Event) -> None:
        """Draw what an event changes."""
        match event:
            case events.TrainingBegan():
                self._open()
            case events.Progress():
                done = event.epoch + event.batches / max(event.epoch_batches, event.batches)
                speed = f"{event.records_per_second:,.0f} records/s"
                self._draw(event.epoch, done, speed, event.metrics)
            case events.EpochEnded():
                speed = f"{event.records_per_second:,.0f} records/s"
                metrics = event.train if event.validation is None else event.validation
                self._draw(event.epoch, event.epoch + 1, speed, metrics)
            case events.TrainingEnded():
                self.close()

    def close(self) -> None:
        """Remove the bar; it may be closed already."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _open(self) -> None:
        self._bar = tqdm(
            total=self._epochs,
            file=self._stream,
            desc=f"epoch 1 of at most {self._epochs}",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            dynamic_ncols=True,
            leave=False,
        )

    def _draw(self, epoch: int, done: float, speed: str, metrics: events.Metrics) -> None:
        if self._bar is None:
            return
        self._bar.n = done
        self._bar.set_description_str(f"epoch {epoch + 1} of at most {self._epochs}", refresh=False)
        values = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
        self._bar.set_postfix_str(f"{speed}, {values}", refresh=False)
        self._bar.refresh()
