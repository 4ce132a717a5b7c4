"""The arithmetic of the five optimizers on blocks of table rows, as the engine defines it.

Every rule says what one step does to rows with a gradient, and what a run of steps with gradient
zero does to a row, in closed form. Constants are the engine's defaults, the same as those of the
other parameters. Sources: MXNet 1.9.1 optimizer documentation; Kingma and Ba 2015
(arXiv:1412.6980) for adam, with the bias correction in the learning rate.
"""

from abc import ABC, abstractmethod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.float32]

# Which of a rule's arrays grows with the steps.
GROWING = "settled"


class UpdateRule(ABC):
    """One optimizer on rows of shape (n, E), all written in place."""

    state_count: int = 0

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay

    def begin_step(self, step: int) -> None:  # noqa: B027 (most rules have nothing to note)
        """Note that step number `step`, from 1, begins; called once a step, before `apply`."""

    @abstractmethod
    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:
        """Make this step's update of rows with their gradient."""

    def make_up(  # noqa: B027 (a zero gradient may change nothing)
        self, weights: Rows, states: list[Rows], last: npt.NDArray[np.int64], step: int
    ) -> None:
        """Make up the steps after `last` (n,) up to `step`, all with gradient zero."""

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return what `make_up` remembers of the steps so far, to be kept and put back in place."""
        return {}

    def remember(self, length: int) -> None:  # noqa: B027 (most rules remember nothing)
        """Make room for what `arrays` is to be put back into: `length` numbers where it grows."""

    def _decayed(self, gradient: Rows, weights: Rows) -> Rows:
        return gradient + np.float32(self.weight_decay) * weights if self.weight_decay else gradient


class SGD(UpdateRule):
    """w -= lr (g + wd w)."""

    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:  # noqa: D102
        weights -= np.float32(self.learning_rate) * self._decayed(gradient, weights)


class AdaGrad(UpdateRule):
    """h += g^2; w -= lr (g / sqrt(h + eps) + wd w)."""

    state_count = 1
    _EPSILON = np.float32(1e-7)

    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:  # noqa: D102
        (history,) = states
        history += gradient * gradient
        step = gradient / np.sqrt(history + self._EPSILON)
        if self.weight_decay:
            step += np.float32(self.weight_decay) * weights
        step *= np.float32(self.learning_rate)
        weights -= step


class RMSProp(UpdateRule):
    """n = gamma n + (1 - gamma) g^2; w -= lr g / sqrt(n + eps)."""

    state_count = 1
    _GAMMA = 0.9
    _EPSILON = np.float32(1e-8)

    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:  # noqa: D102
        (mean_square,) = states
        gradient = self._decayed(gradient, weights)
        mean_square *= np.float32(self._GAMMA)
        mean_square += np.float32(1 - self._GAMMA) * gradient * gradient
        weights -= np.float32(self.learning_rate) * gradient / np.sqrt(mean_square + self._EPSILON)

    def make_up(  # noqa: D102
        self, weights: Rows, states: list[Rows], last: npt.NDArray[np.int64], step: int
    ) -> None:
        states[0] *= _powers(self._GAMMA, last, step)


class AdaDelta(UpdateRule):
    """Accumulated squares of gradients and of steps; the learning rate has no part in it.

    a = rho a + (1 - rho) g^2; s = sqrt(d + eps) / sqrt(a + eps) g; d = rho d + (1 - rho) s^2;
    w -= s + wd w (Zeiler 2012, arXiv:1212.5701).
    """

    state_count = 2
    _RHO = 0.9
    _EPSILON = np.float32(1e-5)

    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:  # noqa: D102
        gradients, steps = states
        keep, add = np.float32(self._RHO), np.float32(1 - self._RHO)
        gradients *= keep
        gradients += add * gradient * gradient
        step = np.sqrt(steps + self._EPSILON) / np.sqrt(gradients + self._EPSILON) * gradient
        steps *= keep
        steps += add * step * step
        if self.weight_decay:
            step += np.float32(self.weight_decay) * weights
        weights -= step

    def make_up(  # noqa: D102
        self, weights: Rows, states: list[Rows], last: npt.NDArray[np.int64], step: int
    ) -> None:
        powers = _powers(self._RHO, last, step)
        for state in states:
            np.multiply(state, powers, out=state)


class Adam(UpdateRule):
    """m, v: decaying means of g and g^2; w -= a(t) m / (sqrt(v) + eps).

    a(t) = lr sqrt(1 - beta2^t) / (1 - beta1^t). Over k steps with gradient zero after step t,
    m and v only decay, so with q = beta1 / sqrt(beta2) the weight moves by
    m / (sqrt(v) + eps) * sum over j = 1..k of a(t + j) q^j: one number for all rows of the same t
    and k. It is exact but for the place of eps, which is 1e-8.
    """

    state_count = 2
    _BETA1 = 0.9
    _BETA2 = 0.999
    _EPSILON = np.float32(1e-8)
    # q = 0.9005; past so many steps a further one adds less than 1e-13 of the sum.
    _REMEMBERED = 300

    def __init__(self, learning_rate: float, weight_decay: float) -> None:
        super().__init__(learning_rate, weight_decay)
        ratio = self._BETA1 / self._BETA2**0.5
        self._ratio_powers = ratio ** np.arange(1, self._REMEMBERED + 1)
        # _sums[k] is the sum above for t = step - k; _settled[t] the same once k has outgrown it.
        self._sums = np.zeros(self._REMEMBERED + 1)
        self._settled = np.zeros(1024)
        self._rate = 0.0

    def begin_step(self, step: int) -> None:  # noqa: D102
        self._rate = self._rate_at(step)
        settled = step - 1 - self._REMEMBERED
        if settled >= 0:
            if settled >= len(self._settled):
                more = np.zeros(max(len(self._settled), settled + 1 - len(self._settled)))
                self._settled = np.concatenate([self._settled, more])
            self._settled[settled] = self._sums[-1]
        self._sums[1:] = self._sums[:-1] + self._rate * self._ratio_powers

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:  # noqa: D102
        return {"sums": self._sums, GROWING: self._settled}

    def remember(self, length: int) -> None:  # noqa: D102
        self._settled = np.zeros(max(1, length))

    def _rate_at(self, step: int) -> float:
        return float(self.learning_rate * (1 - self._BETA2**step) ** 0.5 / (1 - self._BETA1**step))

    def apply(self, weights: Rows, gradient: Rows, states: list[Rows]) -> None:  # noqa: D102
        mean, square = states
        gradient = self._decayed(gradient, weights)
        # One temporary throughout: a block's arrays then stay in a core's cache.
        step = np.multiply(gradient, np.float32(1 - self._BETA1))
        mean *= np.float32(self._BETA1)
        mean += step
        np.multiply(gradient, gradient, out=step)
        step *= np.float32(1 - self._BETA2)
        square *= np.float32(self._BETA2)
        square += step
        np.sqrt(square, out=step)
        step += self._EPSILON
        np.divide(mean, step, out=step)
        step *= np.float32(self._rate)
        weights -= step

    def make_up(  # noqa: D102
        self, weights: Rows, states: list[Rows], last: npt.NDArray[np.int64], step: int
    ) -> None:
        mean, square = states
        missed = step - last
        remembered = missed <= self._REMEMBERED
        sums = np.where(
            remembered,
            self._sums[np.where(remembered, missed, 0)],
            self._settled[np.where(remembered, 0, last)],
        ).astype(np.float32)[:, None]
        weights -= sums * mean / (np.sqrt(square) + self._EPSILON)
        mean *= _powers(self._BETA1, last, step)
        square *= _powers(self._BETA2, last, step)


def _powers(base: float, last: npt.NDArray[np.int64], step: int) -> npt.NDArray[np.float32]:
    """Return base ** (step - last) as a column (n, 1)."""
    # Below float32's smallest normal number arithmetic is slow, and the power is nothing.
    powers = np.float64(base) ** (step - last)
    powers[powers < 1e-30] = 0.0
    return powers.astype(np.float32)[:, None]


_RULES: dict[str, type[UpdateRule]] = {
    "sgd": SGD,
    "adagrad": AdaGrad,
    "rmsprop": RMSProp,
    "adadelta": AdaDelta,
    "adam": Adam,
}


def make_rule(optimizer: str, learning_rate: float, weight_decay: float) -> UpdateRule:
    """Return the rule of an optimizer by its hyperparameter's value."""
    return _RULES[optimizer](learning_rate, weight_decay)
