"""Metrics from the sums that the network's objective gives of every batch."""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass
class MetricSums:
    """Running sums over records.

    Attributes:
        is_regression: Which pair of sums it is: squared and absolute errors, or cross-entropy and
            correct answers.
        records: Records so far.
        sums: float64 of shape (2,).
    """

    is_regression: bool
    records: int = 0
    sums: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))

    def add(self, sums: npt.NDArray[np.float32], records: int) -> None:
        """Add a batch's sums, shape (2,)."""
        self.sums += sums
        self.records += records

    def values(self) -> dict[str, float]:
        """Return every metric by its name; NaN where there is no record."""
        first, second = (
            float(value) / self.records if self.records else math.nan for value in self.sums
        )
        if self.is_regression:
            return {"mean_squared_error": first, "mean_absolute_error": second}
        # exp overflows past 709.
        return {
            "perplexity": math.exp(min(first, 700.0)) if not math.isnan(first) else math.nan,
            "cross_entropy": first,
            "accuracy": second,
        }


def loss_name(is_regression: bool) -> str:
    """Return the metric that is the loss: what early stopping and the choice of epoch look at."""
    return "mean_squared_error" if is_regression else "cross_entropy"
