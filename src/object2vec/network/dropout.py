"""Dropout for every rate the hyperparameter allows."""

from typing import Any

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
