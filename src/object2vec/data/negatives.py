"""Negative sampling: made pairs of label 0 that do not stand in the train data.

For every record, `rate` further pairs with the same in0 and an in1 that is taken from another
random record. Pairs are compared by a 64-bit fingerprint of both token sequences.
"""

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray

# A drawn pair that was observed is drawn again at most so often; in data where an in0 stands with
# nearly every in1 there may be nothing else to draw.
MAX_TRIES = 20

# Rows or pairs whose temporaries stand in memory at a time.
_BLOCK_ROWS = 1 << 16

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


def fingerprints(rows: RaggedArray) -> npt.NDArray[np.uint64]:
    """Return one 64-bit fingerprint a row, equal for equal token sequences.

    Args:
        rows: N token sequences.

    Returns:
        Array of shape (N,).
    """
    found = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, min(start + _BLOCK_ROWS, len(rows)))
        bounds = rows.offsets[block.start : block.stop + 1]
        values = rows.values[bounds[0] : bounds[-1]]
        found[block] = _fingerprints(values, bounds - bounds[0])
    return found


def _fingerprints(
    values: npt.NDArray[np.int32], offsets: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    lengths = np.diff(offsets)
    starts = np.repeat(offsets[:-1], lengths)
    positions = (np.arange(len(values), dtype=np.int64) - starts).astype(np.uint64)
    mixed = _mix(values.astype(np.uint64) * _ODD + _mix(positions + np.uint64(1)))
    sums = np.zeros(len(values) + 1, dtype=np.uint64)
    np.cumsum(mixed, out=sums[1:])  # wraps around, and so does the difference below
    return _mix(sums[offsets[1:]] - sums[offsets[:-1]] + lengths.astype(np.uint64))


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Spread every bit over the word (the finalizer of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class NegativeSampler:
    """Draws the in1 of made pairs; the generator is the caller's, so a draw can be repeated.

    It holds 24 bytes a record.
    """

    def __init__(self, in0: RaggedArray, in1: RaggedArray, rate: int) -> None:
        """Keep the fingerprints of the observed pairs.

        Args:
            in0: Left token sequences of the N train records.
            in1: Right token sequences of the same records.
            rate: Made pairs a record, at least 1.
        """
        self._count = len(in0)
        self._rate = rate
        self._left = fingerprints(in0)
        self._right = fingerprints(in1)
        # Sorted in its place; what occurs several times does no harm to a search.
        self._observed = self._pair(self._left, self._right)
        self._observed.sort()

    @staticmethod
    def _pair(
        left: npt.NDArray[np.uint64], right: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.uint64]:
        return _mix(left * _ODD + right)

    def draw(self, generator: np.random.Generator) -> tuple[npt.NDArray[np.int64], ...]:
        """Return the made pairs of one epoch.

        Returns:
            The record indices of in0 and of in1, two arrays of shape (N * rate,).
        """
        left = np.tile(np.arange(self._count, dtype=np.int64), self._rate)
        right = generator.integers(0, self._count, len(left))
        pending = None
        for _ in range(MAX_TRIES):
            pending = self._find_observed(left, right, pending)
            if not len(pending):
                break
            right[pending] = generator.integers(0, self._count, len(pending))
        return left, right

    def _find_observed(
        self,
        left: npt.NDArray[np.int64],
        right: npt.NDArray[np.int64],
        among: npt.NDArray[np.int64] | None,
    ) -> npt.NDArray[np.int64]:
        """Return which of the pairs `among` were observed; None looks at all of them."""
        parts = []
        for start in range(0, len(left) if among is None else len(among), _BLOCK_ROWS):
            if among is None:
                chosen = np.arange(start, min(start + _BLOCK_ROWS, len(left)), dtype=np.int64)
            else:
                chosen = among[start : start + _BLOCK_ROWS]
            parts.append(chosen[self._is_observed(left[chosen], right[chosen])])
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def _is_observed(
        self, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        pairs = self._pair(self._left[left], self._right[right])
        found = np.searchsorted(self._observed, pairs)
        found[found == len(self._observed)] = 0
        is_observed: npt.NDArray[np.bool_] = self._observed[found] == pairs
        return is_observed
