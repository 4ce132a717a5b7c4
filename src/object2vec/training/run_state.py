"""Where a training stands: with the learner's arrays, all that its further course depends on."""

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

import object2vec
from object2vec.data.records import PairRecords
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.training.archive import DamagedArchiveError
from object2vec.training.early_stopping import EarlyStopping
from object2vec.training.metrics import MetricSums

FORMAT = "object2vec checkpoint"
FORMAT_VERSION = 1

# What may be another when a job goes on: it changes how long a training lasts, not its steps.
FREE = (
    "epochs",
    "early_stopping_patience",
    "early_stopping_tolerance",
    "_tuning_objective_metric",
)

# What comes of a state in which something is not what a training of this program wrote.
WRONG_KINDS = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)

_PIECE_ELEMENTS = 1 << 24


@dataclass
class RunState:
    """A training between two batches.

    Attributes:
        metrics: Sums over the epoch's batches so far.
        stopping: Early stopping, which has every epoch's loss.
        order: The state of the batches' generator before it drew the epoch.
        epoch: The epoch that is being trained, from 0.
        batches: How many batches of it were learnt.
        seconds: How long those took.
        history: What is told of every epoch that ended.
    """

    metrics: MetricSums
    stopping: EarlyStopping
    order: Mapping[str, Any]
    epoch: int = 0
    batches: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)

    def begin_epoch(self, order: Mapping[str, Any]) -> None:
        """Go on to the next epoch."""
        self.metrics = MetricSums(self.metrics.is_regression)
        self.order = order
        self.epoch += 1
        self.batches, self.seconds = 0, 0.0

    def told(self) -> dict[str, Any]:
        """Return the state as JSON can say it."""
        return {
            "epoch": self.epoch,
            "batches": self.batches,
            "seconds": self.seconds,
            "sums": self.metrics.sums.tolist(),
            "records": self.metrics.records,
            "losses": self.stopping.losses,
            "window": self.stopping.window,
            "bad_epochs": self.stopping.bad_epochs,
            "order": self.order,
            "history": self.history,
        }

    @classmethod
    def of(cls, told: Mapping[str, Any], hyperparameters: Hyperparameters) -> Self:
        """Return the state that was told.

        Raises:
            DamagedArchiveError: A part is missing, or of the wrong kind.
        """
        try:
            metrics = MetricSums(
                hyperparameters.is_regression,
                _count(told["records"]),
                np.array([float(value) for value in told["sums"]]),
            )
            stopping = EarlyStopping(
                hyperparameters.early_stopping_patience,
                hyperparameters.early_stopping_tolerance,
                tuple(float(loss) for loss in told["window"]),
                tuple(float(loss) for loss in told["losses"]),
                _count(told["bad_epochs"]),
            )
            epoch, history = _count(told["epoch"]), list(told["history"])
            # Both are used long after this: what cannot be is to be known now.
            np.random.default_rng(0).bit_generator.state = told["order"]
            json.dumps([history, stopping.losses, stopping.window], allow_nan=False)
            goes_together = len(history) == len(stopping.losses) == epoch
            found = cls(
                metrics,
                stopping,
                dict(told["order"]),
                epoch,
                _count(told["batches"]),
                _duration(told["seconds"]),
                history,
            )
        except WRONG_KINDS as error:
            raise DamagedArchiveError(
                f"what it tells of the training is not as it must be ({error})"
            ) from error
        if not goes_together or metrics.sums.shape != (2,):
            raise DamagedArchiveError("what it tells of the training does not go together")
        return found


def _duration(value: Any) -> float:
    if not 0 <= (seconds := float(value)) < math.inf:
        raise ValueError(f"{value!r} are no seconds")
    return seconds


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def identify(
    hyperparameters: Hyperparameters, train: PairRecords, hosts: Sequence[str]
) -> dict[str, Any]:
    """Return what says which training a state is of."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "object2vec_version": object2vec.__version__,
        "hyperparameters": hyperparameters.as_strings(),
        "hosts": list(hosts),
        "train_records": len(train),
        "train_checksum": _checksum(train),
    }


def check_format(state: Mapping[str, Any]) -> None:
    """Check that a state was written by this program.

    Raises:
        DamagedArchiveError: It was not, or by a later version of it.
    """
    if state.get("format") != FORMAT:
        raise DamagedArchiveError("it is no checkpoint of this program")
    if state.get("format_version") != FORMAT_VERSION:
        raise DamagedArchiveError(
            f"it has format version {state.get('format_version')!r}; this program reads version "
            f"{FORMAT_VERSION}"
        )


def seed_of(state: Mapping[str, Any]) -> int | None:
    """Return the seed of the training that a state is of."""
    try:
        return int(state["hyperparameters"]["seed"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def check_same_training(where: str, state: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Check that a state is of the training that goes on from it.

    Args:
        where: The checkpoint, for the message.
        state: What is told in it.
        own: What `identify` says of this training.

    Raises:
        ClientError: It is of another one; the message says in what they differ.
    """
    theirs, mine = state.get("hyperparameters"), own["hyperparameters"]
    advice = "Give the job another folder for checkpoints, or empty this one"
    if not isinstance(theirs, dict):
        raise ClientError(f"Checkpoint {where} names no hyperparameters. {advice}.")
    names = [
        name
        for name in sorted({*theirs, *mine})
        if name not in FREE and theirs.get(name) != mine.get(name)
    ]
    if names:
        differing = "; ".join(
            f"{name} is {mine.get(name, 'none')} here and {theirs.get(name, 'none')} there"
            for name in names
        )
        raise ClientError(
            f"Checkpoint {where} is of another training: {differing}. {advice}, to begin anew; or "
            "give the same hyperparameters, to go on. Only "
            f"{', '.join(FREE)} may be others."
        )
    for name, what in (
        ("hosts", "hosts"),
        ("train_records", "records in the train channel on this host"),
        ("train_checksum", "records (their checksum)"),
    ):
        if state.get(name) != own[name]:
            raise ClientError(
                f"Checkpoint {where} is of a training with other {what}: {state.get(name)} there, "
                f"{own[name]} here. {advice}, to begin anew."
            )


def _checksum(records: PairRecords) -> int:
    """Return the CRC-32 of all tokens, lengths and labels."""
    checksum = 0
    for array in (
        records.labels,
        *(part for side in (records.in0, records.in1) for part in (side.values, side.offsets)),
    ):
        for start in range(0, len(array), _PIECE_ELEMENTS):
            piece = np.ascontiguousarray(array[start : start + _PIECE_ELEMENTS])
            checksum = zlib.crc32(piece.data, checksum)
    return checksum
