"""What happened in a training, as plain records; who listens decides how it is told.

Times are seconds since the epoch (`started`, `ended`) or durations in seconds. Metrics are names to
values: cross_entropy, perplexity, accuracy, or mean_squared_error, mean_absolute_error.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Metrics: TypeAlias = Mapping[str, float]


@dataclass(frozen=True)
class Remark:
    """One line for the log that needs no structure."""

    level: Literal["INFO", "WARNING"]
    message: str


@dataclass(frozen=True)
class ChannelRead:
    """A channel stands in memory."""

    channel: str
    records: int
    started: float
    ended: float


@dataclass(frozen=True)
class NetworkBuilt:
    """The network stands; shapes by parameter name, token tables apart.

    Attributes:
        parameters: Parameters of encoders, MLP and output layer.
        tables: Token tables.
        device: Where it is computed.
    """

    parameters: Mapping[str, tuple[int, ...]]
    tables: Mapping[str, tuple[int, ...]]
    device: str

    @property
    def parameter_count(self) -> int:
        """Numbers in all parameters but the token tables, as the original counts."""
        return sum(math.prod(shape) for shape in self.parameters.values())


@dataclass(frozen=True)
class TrainingBegan:
    """All is read and built; the first epoch begins."""

    epochs: int
    started: float
    ended: float


@dataclass(frozen=True)
class Progress:
    """So far in an epoch; every 100 batches.

    Attributes:
        epoch: Epoch, from 0.
        batches: Batches of the epoch so far.
        epoch_batches: Batches of the whole epoch.
        records: Records of the epoch so far.
        records_per_second: Since the last such event.
        seconds: Since the epoch began.
        metrics: Train metrics of the epoch so far.
    """

    epoch: int
    batches: int
    epoch_batches: int
    records: int
    records_per_second: float
    seconds: float
    metrics: Metrics


@dataclass(frozen=True)
class EpochEnded:
    """An epoch was trained and, where there is validation data, validated.

    Attributes:
        epoch: Epoch, from 0.
        epochs: Most epochs there can be.
        train: Metrics over the epoch's batches, as it was trained.
        validation: Metrics after the epoch, or None without a validation channel.
        batches: Batches trained.
        records: Records trained.
        records_per_second: Records over the time of training alone.
        started: When the epoch began.
        ended: When training and validation had ended.
    """

    epoch: int
    epochs: int
    train: Metrics
    validation: Metrics | None
    batches: int
    records: int
    records_per_second: float
    started: float
    ended: float


@dataclass(frozen=True)
class EarlyStoppingChecked:
    """What early stopping made of an epoch's loss; see `early_stopping`."""

    epoch: int
    window: tuple[float, ...]
    loss: float
    bad_epochs: int
    stops: bool
    started: float
    ended: float


@dataclass(frozen=True)
class BestModelSaved:
    """The epoch was the best so far, and its model replaced the one in the model folder."""

    epoch: int
    loss: float
    folder: Path
    started: float
    ended: float


@dataclass(frozen=True)
class TrainingEnded:
    """No epoch follows.

    Attributes:
        epochs_run: Epochs trained.
        stopped_early: Whether early stopping ended it.
        best_epoch: The epoch whose model was kept.
        best_loss: Its loss.
        loss_name: Which loss: `validation cross_entropy` and the like.
        started: When finishing began.
        ended: When the model folder was complete.
    """

    epochs_run: int
    stopped_early: bool
    best_epoch: int
    best_loss: float
    loss_name: str
    started: float
    ended: float


@dataclass(frozen=True)
class TestScored:
    """The test channel was scored with the saved model."""

    metrics: Metrics
    records: int
    batches: int
    started: float
    ended: float


Event: TypeAlias = (
    Remark
    | ChannelRead
    | NetworkBuilt
    | TrainingBegan
    | Progress
    | EpochEnded
    | EarlyStoppingChecked
    | BestModelSaved
    | TrainingEnded
    | TestScored
)
Listener: TypeAlias = Callable[[Event], None]
