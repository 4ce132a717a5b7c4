"""Maxima over the tokens of sequences of different lengths that lie packed, by NumPy.

The engine has no reduction over parts of different lengths, and its own maximum gives every place
of a maximum the whole gradient. Here the gradient is shared among equal places, which repeated
tokens have.
"""

import numpy as np
import numpy.typing as npt

from object2vec.network.blocks import for_shares

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

_NANOSECONDS_A_VALUE = 3  # on one processor, roughly


class RectifiedMaximum:
    """ReLU over one long row of sequences, and each sequence's maximum of it.

    Args:
        values: What a convolution made of the row, (C, L).
        mask: 1 where a token stands, (L,); everything else becomes 0.
        starts: Where the sequences' slots begin, (N,).
        slots: Their widths, (N,).

    Attributes:
        states: The rectified row, (C, L).
        maxima: The sequences' maxima, (C, N).
    """

    def __init__(self, values: Floats, mask: Floats, starts: Places, slots: Places) -> None:
        self._starts = starts
        self._slots = slots
        self.states = np.empty_like(values)
        self.maxima = np.empty((len(values), len(starts)), dtype=np.float32)

        def rectify(filters: slice) -> None:
            states = self.states[filters]
            np.maximum(values[filters], np.float32(0.0), out=states)
            states *= mask
            np.maximum.reduceat(states, starts, axis=1, out=self.maxima[filters])

        for_shares(len(values), values.size * _NANOSECONDS_A_VALUE, rectify)

    def gradient(self, of_maxima: Floats, of_states: Floats | None) -> Floats:
        """Return the gradient of the values, (C, L).

        Args:
            of_maxima: The gradient of the maxima, (C, N).
            of_states: The gradient of the rectified row, (C, L), where it was handed on.
        """
        gradient = np.empty_like(self.states)

        def differentiate(filters: slice) -> None:
            gradient[filters] = np.repeat(of_maxima[filters], self._slots, axis=1)
            states, maxima = self.states[filters], self.maxima[filters]
            is_active = states > 0
            is_maximum = states == np.repeat(maxima, self._slots, axis=1)
            is_maximum &= is_active
            if np.count_nonzero(is_maximum) > np.count_nonzero(maxima):
                counts = np.add.reduceat(is_maximum, self._starts, axis=1, dtype=np.float32)
                gradient[filters] /= np.repeat(np.maximum(counts, 1), self._slots, axis=1)
            gradient[filters] *= is_maximum
            if of_states is not None:
                gradient[filters] += of_states[filters] * is_active

        for_shares(len(self.states), self.states.size * _NANOSECONDS_A_VALUE, differentiate)
        return gradient


class SequenceMaximum:
    """The maximum of every sequence's rows; 0 for a sequence without any.

    Args:
        values: (R, C).
        rows: Row of every token, the sequences' one after the other, (total,).
        counts: Tokens of every sequence, (N,).

    Attributes:
        maxima: (N, C).
    """

    def __init__(self, values: Floats, rows: Places, counts: Places) -> None:
        self._shape = values.shape
        self._rows = rows
        self._has_tokens = counts > 0
        self._counts = counts[self._has_tokens]
        self._ends = np.cumsum(self._counts)
        self._values = values.take(rows, axis=0)  # (total, C)
        self._found = np.empty((len(self._counts), values.shape[1]), dtype=np.float32)
        # Three times as fast as maximum.reduceat over rows.
        spans = zip(self._ends.tolist(), self._counts.tolist(), strict=True)
        for number, (end, count) in enumerate(spans):
            self._values[end - count : end].max(axis=0, out=self._found[number])
        self.maxima = np.zeros((len(counts), values.shape[1]), dtype=np.float32)
        self.maxima[self._has_tokens] = self._found

    def gradient(self, of_maxima: Floats) -> Floats:
        """Return the gradient of the values, (R, C), from that of the maxima, (N, C)."""
        of_values = np.repeat(of_maxima[self._has_tokens], self._counts, axis=0)  # (total, C)
        is_maximum = self._values == np.repeat(self._found, self._counts, axis=0)
        if np.count_nonzero(is_maximum) > self._found.size:
            starts = self._ends - self._counts
            counts = np.add.reduceat(is_maximum, starts, axis=0, dtype=np.float32)
            of_values /= np.repeat(counts, self._counts, axis=0)
        of_values *= is_maximum
        gradient = np.zeros(self._shape, dtype=np.float32)
        gradient[self._rows] = of_values
        return gradient
