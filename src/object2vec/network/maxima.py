"""Maxima over the tokens of sequences of different lengths that lie packed, on the CPU.

The engine has no reduction over parts of different lengths, and its own maximum gives every place
of a maximum the whole gradient. Here the gradient is shared among equal places, which repeated
tokens have.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.engine import autograd, from_numpy, host_view, mx

Floats = npt.NDArray[np.float32]


class RectifiedMaximum(autograd.Function):
    """ReLU over one long row of sequences, and each sequence's maximum of it.

    Args:
        starts: Where the sequences' slots begin, (N,).
        slots: Their widths, (N,).
        mask: 1 where a token stands, (L,); everything else becomes 0.
        hands_on: Whether the rectified row is asked for, or the maxima alone.
    """

    def __init__(
        self,
        starts: npt.NDArray[np.int64],
        slots: npt.NDArray[np.int64],
        mask: Floats,
        *,
        hands_on: bool,
    ) -> None:
        super().__init__()
        self._starts = starts
        self._slots = slots
        self._mask = mask
        self._hands_on = hands_on
        self._states: Floats = np.zeros((0, 0), dtype=np.float32)
        self._maxima: Floats = self._states

    def forward(self, values: Any) -> Any:
        """Return the row (1, C, L) of values (1, C, L), if asked for, and the maxima (N, C)."""
        states = np.maximum(host_view(values)[0], np.float32(0.0))  # (C, L)
        states *= self._mask
        self._states = states
        self._maxima = np.maximum.reduceat(states, self._starts, axis=1)  # (C, N)
        maxima = from_numpy(self._maxima.T, mx.cpu())
        return (from_numpy(states[None], mx.cpu()), maxima) if self._hands_on else maxima

    def backward(self, *gradients: Any) -> Any:
        """Return the gradient of the values (1, C, L)."""
        states = self._states
        of_maxima = np.repeat(host_view(gradients[-1]).T, self._slots, axis=1)  # (C, L)
        is_active = states > 0
        is_maximum = states == np.repeat(self._maxima, self._slots, axis=1)
        is_maximum &= is_active
        if np.count_nonzero(is_maximum) > np.count_nonzero(self._maxima):
            counts = np.add.reduceat(is_maximum, self._starts, axis=1, dtype=np.float32)
            of_maxima /= np.repeat(np.maximum(counts, 1), self._slots, axis=1)
        of_maxima *= is_maximum
        if self._hands_on:
            of_maxima += host_view(gradients[0])[0] * is_active
        return from_numpy(of_maxima[None], mx.cpu())


class SequenceMaximum(autograd.Function):
    """The maximum of every sequence's rows; 0 for a sequence without any.

    Args:
        rows: Row of every token, the sequences' one after the other, (total,).
        counts: Tokens of every sequence, (N,).
    """

    def __init__(self, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self._rows = rows
        self._has_tokens = counts > 0
        self._counts = counts[self._has_tokens]
        self._starts = np.cumsum(self._counts) - self._counts
        self._row_count = 0
        self._values: Floats = np.zeros((0, 0), dtype=np.float32)
        self._maxima: Floats = self._values

    def forward(self, values: Any) -> Any:
        """Return the maxima (N, C) of values (R, C)."""
        self._row_count, width = values.shape
        encodings = np.zeros((len(self._has_tokens), width), dtype=np.float32)
        if len(self._rows):
            self._values = host_view(values)[self._rows]  # (total, C)
            self._maxima = np.maximum.reduceat(self._values, self._starts, axis=0)
            encodings[self._has_tokens] = self._maxima
        return from_numpy(encodings, mx.cpu())

    def backward(self, gradient: Any) -> Any:
        """Return the gradient of the values (R, C)."""
        given = host_view(gradient)
        made = np.zeros((self._row_count, given.shape[1]), dtype=np.float32)
        if len(self._rows):
            of_values = np.repeat(given[self._has_tokens], self._counts, axis=0)  # (total, C)
            is_maximum = self._values == np.repeat(self._maxima, self._counts, axis=0)
            if np.count_nonzero(is_maximum) > self._maxima.size:
                counts = np.add.reduceat(is_maximum, self._starts, axis=0, dtype=np.float32)
                of_values /= np.repeat(counts, self._counts, axis=0)
            of_values *= is_maximum
            made[self._rows] = of_values
        return from_numpy(made, mx.cpu())
