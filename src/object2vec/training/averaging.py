"""What an epoch is judged and kept by: the mean of its weights over its second half.

With a constant learning rate the last step's weights scatter around the place they are drawn to,
and a loss measured at any one of them scatters too; their mean lies nearer to that place (Polyak
and Juditsky 1992; Izmailov et al. 2018, arXiv:1803.05407). Training itself goes on from the last
step and knows nothing of the mean. docs/quality.md says what it is worth.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.training.learner import Learner

Weights: TypeAlias = npt.NDArray[np.float32]

# After the 5th to 8th eighth of an epoch: a mean over every step would cost a pass over whole
# tables each, and says no more.
SNAPSHOTS = 4

_BLOCK_ELEMENTS = 1 << 20


class WeightAverage:
    """The mean of a learner's weights over the snapshots of one epoch.

    Args:
        learner: Whose weights; frozen tables are left out, they are the same at every step.
        batches: Batches of the epoch.
        snapshots: How many to take; 1 takes the weights after the last batch.
        values: The mean of those that were taken before, where the epoch goes on.
        taken: How many these were.
    """

    def __init__(
        self,
        learner: Learner,
        batches: int,
        snapshots: int,
        values: dict[str, Weights] | None = None,
        taken: int = 0,
    ) -> None:
        self._learner = learner
        parts = range(snapshots + 1, 2 * snapshots + 1)
        self._moments = {-(-batches * part // (2 * snapshots)) for part in parts}
        self.taken = taken
        self.values = values or {}

    def after(self, batch: int) -> None:
        """Take a snapshot where one is due after batch number `batch`, counted from 1."""
        if batch not in self._moments:
            return
        self.taken += 1
        for name, weights in self._learner.trained_weights().items():
            if self.taken == 1:
                self.values[name] = weights.copy()
            else:
                _move(self.values[name], weights, 1 / self.taken)

    @property
    def is_finite(self) -> bool:
        """Whether no weight is infinite or NaN: the last step may be the one that diverges."""
        # Minimum and maximum hand a NaN on, and make no array of the weights' size.
        return all(
            np.isfinite(weights.min()) and np.isfinite(weights.max())
            for weights in self.values.values()
        )


def _move(mean: Weights, weights: Weights, part: float) -> None:
    """Move a mean by a part of the way to the weights, without a temporary of their size."""
    flat_mean, flat_weights = mean.reshape(-1), weights.reshape(-1)
    for start in range(0, len(flat_mean), _BLOCK_ELEMENTS):
        block = slice(start, start + _BLOCK_ELEMENTS)
        flat_mean[block] += np.float32(part) * (flat_weights[block] - flat_mean[block])
