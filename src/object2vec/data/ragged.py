"""Rows of token ids of different lengths, laid end to end in one flat array.

Owns the layout (values and offsets) and the operations on whole sets of rows, all vectorised:
`take` runs once a batch in training. It knows nothing of files, vocabularies or padding rules.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

TokenIds: TypeAlias = npt.NDArray[np.int32]
Offsets: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RaggedArray:
    """N rows of token ids; row i is `values[offsets[i] : offsets[i + 1]]`.

    Attributes:
        values: int32, (total,), the rows end to end.
        offsets: int64, (N + 1,), from 0 to total, never falling.
    """

    values: TokenIds
    offsets: Offsets

    def __post_init__(self) -> None:
        if self.values.dtype != np.int32 or self.values.ndim != 1:
            raise TypeError(f"values must be flat int32, got {self.values.dtype}")
        if self.offsets.dtype != np.int64 or self.offsets.ndim != 1 or not self.offsets.size:
            raise TypeError(f"offsets must be flat int64 of N + 1, got {self.offsets.dtype}")
        if self.offsets[0] != 0 or self.offsets[-1] != self.values.size:
            raise ValueError(
                f"offsets run from {self.offsets[0]} to {self.offsets[-1]}, "
                f"must run from 0 to {self.values.size}"
            )

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int]]) -> "RaggedArray":
        """Lay `rows` end to end.

        Raises:
            OverflowError: An id does not fit into 32 bits.

        Example:
            >>> RaggedArray.from_rows([[1, 2], [], [3]]).offsets.tolist()
            [0, 2, 2, 3]
        """
        kept = list(rows)
        values = np.fromiter(chain.from_iterable(kept), dtype=np.int64)
        limits = np.iinfo(np.int32)
        if values.size and (values.min() < limits.min or values.max() > limits.max):
            raise OverflowError(f"ids must fit into 32 bits, {values.min()}..{values.max()} do not")
        lengths = np.fromiter(map(len, kept), dtype=np.int64, count=len(kept))
        return cls(values.astype(np.int32), offsets_of(lengths))

    @classmethod
    def concatenate(cls, parts: Sequence["RaggedArray"]) -> "RaggedArray":
        """Return the rows of all parts, one part after the other; the part itself where it is one.

        Raises:
            ValueError: There is no part.
        """
        if len(parts) == 1:
            return parts[0]
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.values for part in parts]), offsets_of(lengths))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Lengths of the rows, (N,); computed at every call."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Bytes that the two arrays hold."""
        return int(self.values.nbytes + self.offsets.nbytes)

    def take(self, indices: npt.NDArray[np.integer[Any]] | Sequence[int]) -> "RaggedArray":
        """Return rows `indices`, in their order; a row may be taken more than once.

        Args:
            indices: (M,), each 0..N-1.

        Raises:
            IndexError: An index is negative or not less than N.
        """
        rows = np.asarray(indices, dtype=np.intp)
        if rows.size and int(rows.min()) < 0:
            raise IndexError(f"row {rows.min()} is negative")
        starts = self.offsets[rows]
        offsets = offsets_of(self.offsets[rows + 1] - starts)
        return RaggedArray(self.values[positions_of(starts, offsets)], offsets)

    def cut(self, max_length: int) -> "RaggedArray":
        """Return the rows with what stands past `max_length` ids left out; self where none is."""
        lengths = self.lengths
        if not lengths.size or int(lengths.max()) <= max_length:
            return self
        kept = np.minimum(lengths, max_length)
        return self._keep_middle(np.zeros_like(kept), kept)

    def drop_outer_padding(self, padding_id: int) -> "RaggedArray":
        """Return the rows without `padding_id` at either end; self where the id occurs nowhere.

        Padding between tokens stays: it keeps neighbours apart. A row of padding only gets empty.
        """
        is_token = self.values != padding_id
        if is_token.all():
            return self
        token_positions = np.flatnonzero(is_token)
        # Row i's tokens are token_positions[bounds[i] : bounds[i + 1]].
        bounds = np.searchsorted(token_positions, self.offsets)
        has_token = bounds[1:] > bounds[:-1]
        front = np.zeros(len(self), dtype=np.int64)
        kept = np.zeros(len(self), dtype=np.int64)
        first = token_positions[bounds[:-1][has_token]]
        last = token_positions[bounds[1:][has_token] - 1]
        front[has_token] = first - self.offsets[:-1][has_token]
        kept[has_token] = last - first + 1
        return self._keep_middle(front, kept)

    def _keep_middle(
        self, front: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]
    ) -> "RaggedArray":
        """Return `kept[i]` ids of each row i after its first `front[i]`."""
        runs = np.empty((len(self), 3), dtype=np.int64)
        runs[:, 0] = front
        runs[:, 1] = kept
        runs[:, 2] = self.lengths - front - kept
        # One byte an id: index arrays would take eight, over the whole of a channel.
        is_kept = np.repeat(np.tile([False, True, False], len(self)), runs.ravel())
        return RaggedArray(self.values[is_kept], offsets_of(kept))

    def __len__(self) -> int:
        return int(self.offsets.size - 1)

    def __getitem__(self, index: int) -> TokenIds:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        row = index % len(self)
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[TokenIds]:
        bounds = self.offsets.tolist()
        return (self.values[start:end] for start, end in pairwise(bounds))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RaggedArray):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(
            self.values, other.values
        )

    __hash__ = None  # type: ignore[assignment]


def offsets_of(lengths: npt.NDArray[np.int64]) -> Offsets:
    """Return where rows of these lengths begin and end when laid end to end, (N + 1,)."""
    offsets = np.zeros(lengths.size + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def positions_of(starts: npt.NDArray[np.int64], offsets: Offsets) -> npt.NDArray[np.int64]:
    """Return where the elements of rows stand in a flat array, one row after the other, (total,).

    Args:
        starts: Where each row begins there, (N,).
        offsets: Where each begins and ends when they are laid end to end, (N + 1,).
    """
    # The position end to end, shifted by row.
    positions = np.repeat(starts - offsets[:-1], np.diff(offsets))
    positions += np.arange(positions.size)
    return positions
