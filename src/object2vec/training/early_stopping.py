"""When to stop, and which epoch was best: the original's rule, deduced from its published logs.

The last `patience` losses are kept. Once there are that many, an epoch is good when it undercuts
their minimum by at least `tolerance` (an absolute reduction), which sets the count of bad epochs
to 0; any other epoch adds one. Training stops when the count is greater than `patience`. The best
epoch is the one with the lowest loss of all, whatever the tolerance.
"""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class EarlyStopping:
    """The state after some epochs; `after` returns the next one.

    Attributes:
        patience: Length of the window, and the bad epochs that are borne.
        tolerance: Reduction of the loss that makes a good epoch.
        window: Up to `patience` last losses, oldest first, before the newest was added.
        losses: Every loss so far.
        bad_epochs: Bad epochs since the last good one.
    """

    patience: int
    tolerance: float
    window: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    bad_epochs: int = 0

    def after(self, loss: float) -> "EarlyStopping":
        """Return the state after one more epoch of this loss."""
        window = self.losses[-self.patience :]
        bad_epochs = self.bad_epochs
        if len(window) == self.patience:
            # A float's last digit must not decide: .98 - .97 is less than .01 in binary.
            reduction = min(window) - loss
            is_good = reduction > 0 and (
                reduction >= self.tolerance or math.isclose(reduction, self.tolerance, rel_tol=1e-9)
            )
            bad_epochs = 0 if is_good else bad_epochs + 1
        return replace(self, window=window, losses=(*self.losses, loss), bad_epochs=bad_epochs)

    @property
    def was_checked(self) -> bool:
        """Whether the newest loss stood against a full window."""
        return len(self.window) == self.patience

    @property
    def stops(self) -> bool:
        """Whether no further epoch is to be trained."""
        return self.bad_epochs > self.patience

    @property
    def best_epoch(self) -> int:
        """The epoch of the lowest loss, the first of equals; at least one epoch must have ended."""
        return self.losses.index(min(self.losses))

    @property
    def best_loss(self) -> float:
        """The lowest loss."""
        return min(self.losses)
