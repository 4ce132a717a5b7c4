"""What a job does with checkpoints: when it writes them, and how it goes on from one.

A checkpoint that cannot be written is warned of, and the training goes on: those before it are
still there. In steps that the hosts make on their own, the servers hold a part of the state that
cannot be had, so there are no checkpoints then.
"""

import time
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.records import PairRecords
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.training import events
from object2vec.training.archive import Archive, DamagedArchiveError
from object2vec.training.averaging import WeightAverage
from object2vec.training.checkpoints import Checkpoints, Position, newest_common
from object2vec.training.hosts import Hosts
from object2vec.training.learner import Learner
from object2vec.training.run_state import (
    WRONG_KINDS,
    RunState,
    check_format,
    check_same_training,
    identify,
    seed_of,
)

Weights: TypeAlias = dict[str, npt.NDArray[np.float32]]
# The state, the mean of the epoch's weights so far and of how many snapshots, the best weights.
Restored: TypeAlias = tuple[RunState, Weights, int, Weights | None]

_MEBIBYTE = 1 << 20
# With several hosts they have to agree on when; more often would hold up the steps.
_AGREE_INTERVAL = 100


class Keeping:
    """One job's checkpoints.

    Args:
        checkpoints: The folder.
        hosts: The hosts; every one must make this, and call `is_due` equally often.
        listen: Takes what is told.

    Attributes:
        seed: That of the training to go on with; None where there is none.

    Raises:
        OSError: The folder cannot be read.
    """

    def __init__(self, checkpoints: Checkpoints, hosts: Hosts, listen: events.Listener) -> None:
        self._checkpoints = checkpoints
        self._hosts = hosts
        self._listen = listen
        self._identity: dict[str, Any] = {}
        self._best_epoch: int | None = None
        self._is_off = False
        self._last = time.monotonic()
        checkpoints.remove_partial()
        self._found = newest_common(checkpoints, hosts.gather, check_format, self._warn)
        self.seed = seed_of(self._found.state) if self._found else None

    def _warn(self, message: str) -> None:
        self._listen(events.Remark("WARNING", message))

    def begin(
        self, hyperparameters: Hyperparameters, train: PairRecords, *, is_async: bool
    ) -> None:
        """Learn which training this is.

        Args:
            hyperparameters: With the seed that was drawn.
            train: This host's records.
            is_async: Whether hosts make steps of their own.
        """
        self._is_off = is_async
        if is_async:
            self._warn("No checkpoints are written: hosts make steps of their own (_kvstore)")
            return
        self._identity = identify(hyperparameters, train, self._hosts.names)

    def is_due(self, batch: int) -> bool:
        """Return whether a checkpoint is due after batch number `batch` of an epoch, from 1."""
        is_due = time.monotonic() - self._last >= self._checkpoints.seconds
        if len(self._hosts.names) == 1 or self._is_off:
            return is_due
        return batch % _AGREE_INTERVAL == 0 and any(self._hosts.gather(is_due))

    def keep_best(self, epoch: int, weights: Weights) -> None:
        """Write the weights of the best epoch so far; the checkpoints from now on name it."""
        if self._is_off:
            return
        try:
            self._checkpoints.save_best(epoch, weights)
        except OSError as error:
            self._say_failure(error)
            return
        self._best_epoch = epoch

    def keep(self, state: RunState, learner: Learner, average: WeightAverage | None) -> None:
        """Write a checkpoint of a training between two batches.

        Args:
            state: Where it stands.
            learner: Its arrays.
            average: The mean of the epoch's weights so far; None between two epochs.
        """
        if self._is_off:
            return
        has_best = self._hosts.rank == 0 and bool(state.history)
        if has_best and self._best_epoch != state.stopping.best_epoch:
            return  # the best epoch's weights could not be written, and it was said
        started = time.monotonic()
        position = Position(state.epoch, state.batches)
        told = {
            **self._identity,
            "run": state.told(),
            "learner": learner.counts(),
            "snapshots": average.taken if average else 0,
            "best_epoch": self._best_epoch,
        }
        arrays = learner.arrays()
        if average:
            arrays |= {f"mean.{name}": value for name, value in average.values.items()}
        try:
            path = self._checkpoints.save(position, told, arrays)
            size = path.stat().st_size
        except OSError as error:
            self._say_failure(error)
            return
        finally:
            self._last = time.monotonic()
        self._listen(
            events.Remark(
                "INFO",
                f"Checkpoint {path} saved: epoch {state.epoch}, {state.batches} batches; "
                f"{size / _MEBIBYTE:.1f} MiB in {time.monotonic() - started:.2f} s",
            )
        )

    def _say_failure(self, error: OSError) -> None:
        where = error.filename or self._checkpoints.folder
        self._warn(
            f"A checkpoint cannot be written ({where}: {error.strerror or error}); those before it "
            "are still there, and the training goes on"
        )

    def restore(self, hyperparameters: Hyperparameters, learner: Learner) -> Restored | None:
        """Put a learner where the newest checkpoint stands; return None where there is none.

        Raises:
            ClientError: The checkpoint is of another training.
        """
        archive, self._found = self._found, None
        if archive is None or self._is_off:
            return None
        with archive:
            check_same_training(str(archive.path), archive.state, self._identity)
            try:
                restored = self._read(archive, hyperparameters, learner)
            except (DamagedArchiveError, *WRONG_KINDS) as error:
                raise ClientError(
                    f"Checkpoint {archive.path} cannot be gone on from: {error}. Remove it."
                ) from error
        state = restored[0]
        self._listen(
            events.Remark(
                "INFO",
                f"Going on from checkpoint {archive.path}: epoch {state.epoch}, after "
                f"{state.batches} of its batches",
            )
        )
        return restored

    def _read(
        self, archive: Archive, hyperparameters: Hyperparameters, learner: Learner
    ) -> Restored:
        told = archive.state
        state = RunState.of(told["run"], hyperparameters)
        learner.begin_again(told["learner"], archive.length)
        arrays = learner.arrays()
        mean: Weights = {}
        taken = int(told["snapshots"])
        if taken:
            mean = {name: np.empty_like(value) for name, value in learner.trained().items()}
        targets = arrays | {f"mean.{name}": value for name, value in mean.items()}
        archive.check_shapes(targets)
        archive.fill(targets)
        learner.put_back(told["learner"], arrays)
        best = None
        self._best_epoch = told["best_epoch"]
        if self._best_epoch is not None:
            best = {name: np.empty_like(value) for name, value in learner.trained().items()}
            self._checkpoints.fill_best(self._best_epoch, best)
        return state, mean, taken, best
