"""Dropout for every rate the hyperparameter allows: the engine's, and NumPy's for the CPU."""

from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.engine import gluon


class DropAll(gluon.HybridBlock):
    """Dropout at rate 1: zeros in training, the values as they are in scoring.

    The engine divides what it keeps by 1 - rate, and makes every value NaN at rate 1.
    """

    def __init__(self) -> None:
        super().__init__(prefix="")

    def hybrid_forward(self, F: Any, values: Any) -> Any:  # noqa: D102
        # 0 or 2 in training, 1 in scoring: whether it is training is known to the operator alone.
        marks = F.Dropout(F.ones_like(values), p=0.5)
        return values * (marks == 1)


def make_dropout(rate: float) -> gluon.HybridBlock:
    """Return dropout at a rate from 0 to 1."""
    return DropAll() if rate == 1 else gluon.nn.Dropout(rate)


class DropoutMasks:
    """What dropout multiplies values by, drawn by NumPy: its state can be kept and put back.

    Args:
        rate: The part that is dropped, from 0 to 1.

    Attributes:
        generator: Where all chance comes from.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.generator = np.random.default_rng(0)

    def seed(self, value: int) -> None:
        """Begin anew."""
        self.generator = np.random.default_rng(value)

    def draw(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32] | None:
        """Return 0 where a value is dropped, else 1 / (1 - rate); None at rate 0."""
        if not self._rate:
            return None
        mask = (self.generator.random(shape, dtype=np.float32) >= self._rate).astype(np.float32)
        if self._rate < 1:
            mask *= np.float32(1 / (1 - self._rate))
        return mask
