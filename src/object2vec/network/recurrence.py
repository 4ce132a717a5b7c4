"""One direction of an LSTM layer over sequences in steps, by NumPy: forward, and back in time.

Hochreiter and Schmidhuber 1997, with a forget gate (Gers et al. 2000). Gates stand in the engine's
order: input i, forget f, candidate g, output o:

    c(t) = f(t) c(t-1) + i(t) g(t);  h(t) = o(t) tanh(c(t))

with i, f, o = sigmoid and g = tanh of x(t) Wx' + bx + h(t-1) Wh' + bh. A step computes the
sequences that last and no others.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.layouts import Steps

Floats: TypeAlias = npt.NDArray[np.float32]


class Recurrence:
    """One direction over the sequences of one group, from states of zero.

    Args:
        inputs: (R, I), the rows of the group.
        steps: Which rows are a step's.
        input_weight: Wx, (4 H, I).
        hidden_weight: Wh, (4 H, H).
        bias: bx + bh, (4 H,).

    Attributes:
        hidden: h of every row, (R, H).
    """

    def __init__(
        self,
        inputs: Floats,
        steps: Steps,
        input_weight: Floats,
        hidden_weight: Floats,
        bias: Floats,
    ) -> None:
        self._inputs = inputs
        self._input_weight = input_weight
        self._hidden_weight = hidden_weight
        self._ends = np.cumsum(steps.counts).tolist()
        self._counts = steps.counts
        width = hidden_weight.shape[1]
        self._gates: Floats = inputs @ input_weight.T  # (R, 4 H)
        self._gates += bias
        self._cells: Floats = np.empty((len(inputs), width), dtype=np.float32)
        self._squashed = np.empty_like(self._cells)  # tanh(c)
        self.hidden = np.empty_like(self._cells)
        transposed = np.ascontiguousarray(hidden_weight.T)  # (H, 4 H)
        for step in range(len(self._counts)):
            rows, before = self._rows(step)
            gates = self._gates[rows]  # (n, 4 H)
            if step:
                gates += self.hidden[before] @ transposed
            _activate(gates)
            i, f, g, o = np.split(gates, 4, axis=1)
            cells = np.multiply(i, g, out=self._cells[rows])  # (n, H)
            if step:
                cells += f * self._cells[before]
            squashed = self._squashed[rows]
            np.multiply(cells, 2, out=squashed)
            _sigmoid(squashed)
            squashed *= 2
            squashed -= 1
            np.multiply(o, squashed, out=self.hidden[rows])

    def _rows(self, step: int) -> tuple[slice, slice]:
        """Return the rows of a step, and those of the step before of the same sequences."""
        end, count = self._ends[step], self._counts[step]
        start_before = self._ends[step - 1] - self._counts[step - 1] if step else 0
        return slice(end - count, end), slice(start_before, start_before + count)

    def gradient(
        self, of_hidden: Floats, of_inputs: Floats | None
    ) -> tuple[Floats, Floats, Floats]:
        """Return the gradients of the weights (4 H, I), (4 H, H) and of the bias (4 H,).

        Args:
            of_hidden: The gradient of the hidden states, (R, H); written to.
            of_inputs: Where that of the inputs goes, (R, I); None where nobody asks.
        """
        gates = self._gates  # becomes the gradient of what the gates are made of
        of_later_cells: Floats | None = None  # of c(t) by way of c(t + 1), (n of t + 1, H)
        for step in reversed(range(len(self._counts))):
            rows, before = self._rows(step)
            of_h = of_hidden[rows]  # (n, H)
            if of_later_cells is not None:
                later = gates[self._rows(step + 1)[0]]
                of_h[: len(later)] += later @ self._hidden_weight
            i, f, g, o = np.split(gates[rows], 4, axis=1)
            squashed = self._squashed[rows]
            of_c = of_h * o
            of_c *= 1 - squashed * squashed
            if of_later_cells is not None:
                of_c[: len(of_later_cells)] += of_later_cells
            of_h *= squashed
            of_h *= o
            of_h *= 1 - o
            of_later_cells = of_c * f
            of_i, of_g = of_c * g, of_c * i
            of_i *= i
            of_i *= 1 - i
            of_g *= 1 - g * g
            if step:
                of_c *= self._cells[before]
                of_c *= f
                of_c *= 1 - f
            else:
                of_c[...] = 0
            for gate, gradient in zip((i, f, g, o), (of_i, of_c, of_g, of_h), strict=True):
                gate[...] = gradient
        if of_inputs is not None:
            np.matmul(gates, self._input_weight, out=of_inputs)
        return gates.T @ self._inputs, self._of_hidden_weight(), gates.sum(axis=0)

    def _of_hidden_weight(self) -> Floats:
        first = self._counts[0]
        previous = np.empty((len(self.hidden) - first, self.hidden.shape[1]), dtype=np.float32)
        for step in range(1, len(self._counts)):
            rows, before = self._rows(step)
            previous[rows.start - first : rows.stop - first] = self.hidden[before]
        product: Floats = self._gates[first:].T @ previous
        return product


def _activate(gates: Floats) -> None:
    """Turn sums (n, 4 H) into gates, in place."""
    width = gates.shape[1] // 4
    candidate = gates[:, 2 * width : 3 * width]
    candidate *= 2
    _sigmoid(gates)
    # tanh(x) = 2 sigmoid(2 x) - 1; NumPy's own tanh takes many times as long as its exp.
    candidate *= 2
    candidate -= 1


def _sigmoid(values: Floats) -> None:
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)
