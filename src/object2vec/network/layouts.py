"""Where the tokens of a batch stand before an encoder: in which row of its input each of them is.

A layout is made from the lengths of N sequences. `token_of_row` says, for each of its R rows, which
token stands there, counted over the sequences laid end to end, or -1 for a row of zeros.

padded: (N, T), every sequence as long as the longest. Fit for a device that computes many at once.
in a line: all sequences one after the other with zeros between, a single long sequence. A
    convolution over it computes no padding.
in steps: sequences by falling length, step after step, as long as they last. A recurrent layer
    over it computes hardly any padding.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import offsets_of

Places: TypeAlias = npt.NDArray[np.int64]

# A run of steps costs as much as so many rows, before its first row; measured on two processors.
_ROWS_A_RUN = 50
# Sequences of a run are a multiple, so that the engine sees few shapes.
_SEQUENCES = 8


@dataclass(frozen=True)
class Padded:
    """Sequence i's position t is row i * width + t; width is the rounded maximum of the lengths."""

    lengths: Places
    width: int
    token_of_row: Places

    @classmethod
    def of(cls, lengths: Places) -> "Padded":
        """Lay out sequences of these lengths, shape (N,)."""
        width = rounded_length(int(lengths.max(initial=1)))
        stands = np.arange(width) < lengths[:, None]  # (N, T)
        token_of_row = np.full(stands.size, -1, dtype=np.int64)
        token_of_row[stands.ravel()] = np.arange(int(lengths.sum()))
        return cls(lengths, width, token_of_row)


@dataclass(frozen=True)
class InLine:
    """Sequence i has the rows from starts[i] to the next one's start, its last ones zero.

    Attributes:
        starts: First row of each sequence's slot, (N,).
        slots: Rows of each slot, (N,), all above 0; the last one goes to the end of the line.
        token_of_row: See the module.
    """

    starts: Places
    slots: Places
    token_of_row: Places

    @classmethod
    def of(cls, lengths: Places, gap: int) -> "InLine":
        """Lay out sequences of these lengths, at least `gap` rows of zeros after each."""
        slots = np.maximum(lengths + gap, 1)
        starts = offsets_of(slots)
        total = rounded_length(int(starts[-1]), per_octave=16)
        slots[-1] += total - starts[-1]
        token_of_row = np.full(total, -1, dtype=np.int64)
        token_of_row[_positions(starts[:-1], lengths)] = np.arange(int(lengths.sum()))
        return cls(starts[:-1], slots, token_of_row)


@dataclass(frozen=True)
class Run:
    """Consecutive steps over the same sequences: rows `first` to `first + steps * sequences`."""

    first: int
    steps: int
    sequences: int


@dataclass(frozen=True)
class InSteps:
    """Rows of runs, step after step in each, the sequences of a step side by side.

    There are 2 R rows: R that hold each sequence from its first token on, then R that hold it from
    its last token back.

    Attributes:
        runs: What stands in the first R rows, and in the second.
        mirrored: Row of the other half that holds the same token, (R,); itself where none stands.
        row_of_token: Row among the first R of every token, (total,).
        token_of_row: See the module; (2 R,).
    """

    runs: tuple[Run, ...]
    mirrored: Places
    row_of_token: Places
    token_of_row: Places

    @classmethod
    def of(cls, lengths: Places) -> "InSteps":
        """Lay out sequences of these lengths, shape (N,)."""
        order = np.argsort(-lengths, kind="stable")
        falling = lengths[order]
        starts = offsets_of(lengths)[:-1][order]
        runs: list[Run] = []
        forward: list[Places] = []
        backward: list[Places] = []
        first = 0
        for begin, end in _runs(falling):
            count = _rounded_count(int(np.searchsorted(-falling, -begin)), len(falling))
            runs.append(Run(first, end - begin, count))
            first += (end - begin) * count
            steps = np.arange(begin, end)[:, None]  # (steps, 1)
            stands = steps < falling[:count]  # (steps, sequences)
            forward.append(np.where(stands, starts[:count] + steps, -1).ravel())
            last = starts[:count] + falling[:count] - 1
            backward.append(np.where(stands, last - steps, -1).ravel())
        ahead, back = np.concatenate(forward), np.concatenate(backward)
        mirrored = np.arange(first)
        total = int(lengths.sum())
        row_ahead, row_back = _inverse(ahead, total), _inverse(back, total)
        mirrored[row_ahead] = row_back
        return cls(tuple(runs), mirrored, row_ahead, np.concatenate([ahead, back]))

    @property
    def row_count(self) -> int:
        """R: rows of either half."""
        return len(self.mirrored)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where the runs begin, of the first half and then of the second."""
        first = tuple(run.first for run in self.runs)
        return first + tuple(self.row_count + start for start in first)


Layout: TypeAlias = Padded | InLine | InSteps


def _positions(starts: Places, lengths: Places) -> Places:
    """Return starts[i], starts[i] + 1, ... for lengths[i] places of every i, end to end."""
    return np.repeat(starts - offsets_of(lengths)[:-1], lengths) + np.arange(int(lengths.sum()))


def _inverse(token_of_row: Places, total: int) -> Places:
    rows = np.zeros(total, dtype=np.int64)
    stands = token_of_row >= 0
    rows[token_of_row[stands]] = np.flatnonzero(stands)
    return rows


def _rounded_count(count: int, most: int) -> int:
    return min(most, -(-max(count, 1) // _SEQUENCES) * _SEQUENCES)


def _runs(falling: Places) -> list[tuple[int, int]]:
    """Return first steps and ends of the runs that cost least, for lengths that fall.

    A run ends where the rounded lengths have an edge; of all ways to choose among these, the one
    with the fewest rows, each run counted as some rows itself (shortest path over the edges).
    """
    longest = max(1, int(falling[0]))
    edges = [0]
    while edges[-1] < longest:
        edges.append(rounded_length(edges[-1] + 1))
    counts = [
        _rounded_count(count, len(falling))
        for count in np.searchsorted(-falling, -np.array(edges[:-1])).tolist()
    ]
    costs = [0.0] * len(edges)
    begins = [0] * len(edges)
    for end in range(1, len(edges)):
        costs[end], begins[end] = min(
            (costs[begin] + (edges[end] - edges[begin]) * counts[begin] + _ROWS_A_RUN, begin)
            for begin in range(end)
        )
    found = []
    end = len(edges) - 1
    while end:
        found.append((edges[begins[end]], edges[end]))
        end = begins[end]
    return found[::-1]


def rounded_length(length: int, per_octave: int = 4) -> int:
    """Return `length` rounded up to one of a few an octave (a power of two).

    Every new shape costs the engine memory that it never gives back, so their number is bounded;
    of four an octave, at most a fifth of a batch is padding from rounding.

    Example:
        >>> [rounded_length(n) for n in (1, 5, 9, 17, 33, 81, 5000)]
        [1, 5, 10, 20, 40, 96, 5120]
    """
    step = max(1, (1 << max(0, length.bit_length() - 1)) // per_octave)
    return -(-length // step) * step
