"""The reader of checkpoints: an archive in any bytes, taken all the way that a training goes on."""

from typing import Any

import numpy as np
from tests.fuzz.inputs import scratch_folder
from tests.fuzz.record_target import BASE

import object2vec
from object2vec.hyperparameters import Hyperparameters
from object2vec.training.archive import write_archive
from object2vec.training.checkpoints import Checkpoints, Position
from object2vec.training.early_stopping import EarlyStopping
from object2vec.training.metrics import MetricSums
from object2vec.training.run_state import (
    FORMAT,
    FORMAT_VERSION,
    RunState,
    check_format,
    check_same_training,
    seed_of,
)

HYPERPARAMETERS = Hyperparameters.from_strings(BASE)
POSITION = Position(1, 2)
SHAPES = {"parameter.bias": ((3,), np.float32), "table.embed.states": ((2, 4), np.float32)}
IDENTITY = {
    "format": FORMAT,
    "format_version": FORMAT_VERSION,
    "object2vec_version": object2vec.__version__,
    "hyperparameters": HYPERPARAMETERS.as_strings(),
    "hosts": ["algo-1"],
    "train_records": 3,
    "train_checksum": 7,
}


def _targets() -> dict[str, Any]:
    return {name: np.zeros(shape, dtype) for name, (shape, dtype) in SHAPES.items()}


class CheckpointTarget:
    """Opens one checkpoint, checks it and fills arrays from it."""

    def __init__(self) -> None:
        self._checkpoints = Checkpoints(scratch_folder("checkpoint"), "algo-1")

    def __call__(self, data: bytes) -> None:
        """Open the file that `data` is."""
        self._checkpoints.path(POSITION).write_bytes(data)
        with self._checkpoints.open(POSITION) as archive:
            check_format(archive.state)
            seed_of(archive.state)
            assert 0 <= archive.length("table.embed.growing") * 8 <= len(data)
            targets = _targets()
            archive.check_shapes(targets)
            archive.fill(targets)
            check_same_training("it", archive.state, IDENTITY)
            state = RunState.of(archive.state.get("run", {}), HYPERPARAMETERS)
            assert RunState.of(state.told(), HYPERPARAMETERS).told() == state.told()

    def seeds(self) -> dict[str, bytes]:
        """Return files to begin with, by a name each."""
        path = self._checkpoints.folder / "seed"
        state = RunState(
            MetricSums(False, 3, np.array([0.5, 2.0])),
            EarlyStopping(3, 0.01, (0.5,), (0.5,), 0),
            np.random.default_rng(1).bit_generator.state,
            1,
            2,
            0.25,
            [{"epoch": 0, "train": {"accuracy": 1.0}, "validation": None}],
        )
        growing = {"table.embed.growing": np.zeros(2)}
        write_archive(path, IDENTITY | {"run": state.told()}, _targets() | growing)
        seeds = {"whole": path.read_bytes()}
        for name, told in {"least": {"best_epoch": 3}, "bare": {"run": {}}}.items():
            write_archive(
                path, {"format": FORMAT, "format_version": FORMAT_VERSION} | told, growing
            )
            seeds[name] = path.read_bytes()
        path.unlink()
        return seeds
