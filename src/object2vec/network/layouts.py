"""Where the tokens of a batch stand before an encoder: in which row of its input each of them is.

A layout is made from the lengths of N sequences. `token_of_row` says, for each of its R rows, which
token stands there, counted over the sequences laid end to end, or -1 for a row of zeros.

padded: (N, T), every sequence as long as the longest. Fit for a device that computes many at once.
in a line: all sequences one after the other with zeros between, a single long sequence. A
    convolution over it computes no padding.
in steps: sequences by falling length, step after step, as long as they last. A recurrent layer
    over it computes no padding.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import offsets_of, positions_of

Places: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Padded:
    """Sequence i's position t is row i * width + t; width is the rounded maximum of the lengths."""

    width: int
    token_of_row: Places

    @classmethod
    def of(cls, lengths: Places) -> "Padded":
        """Lay out sequences of these lengths, shape (N,)."""
        width = rounded_length(int(lengths.max(initial=1)))
        stands = np.arange(width) < lengths[:, None]  # (N, T)
        token_of_row = np.full(stands.size, -1, dtype=np.int64)
        token_of_row[stands.ravel()] = np.arange(int(lengths.sum()))
        return cls(width, token_of_row)


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
        positions = positions_of(starts[:-1], offsets_of(lengths))
        token_of_row[positions] = np.arange(len(positions))
        return cls(starts[:-1], slots, token_of_row)


@dataclass(frozen=True)
class Steps:
    """Some sequences, step after step; those of a step side by side, the longest ones first.

    Attributes:
        first: The first step's first row.
        counts: Sequences that last, of every step; never rising.
    """

    first: int
    counts: tuple[int, ...]

    @property
    def row_count(self) -> int:
        """Rows of all steps."""
        return sum(self.counts)


@dataclass(frozen=True)
class InSteps:
    """Sequences in groups, each in steps: R rows that hold each sequence from its first token on.

    R further rows hold each from its last token back, in the same places. Groups have sequences of
    all lengths and nothing to do with one another: processors work on them side by side.

    Attributes:
        groups: What stands in the first R rows, and in the second.
        mirrored: Row of the other half that holds the same token, (R,).
        row_of_token: Row among the first R of every token, (R,).
        token_of_row: See the module; (2 R,).
    """

    groups: tuple[Steps, ...]
    mirrored: Places
    row_of_token: Places
    token_of_row: Places

    @classmethod
    def of(cls, lengths: Places, groups: int = 1) -> "InSteps":
        """Lay out sequences of these lengths, shape (N,), in at most so many groups."""
        order = np.argsort(-lengths, kind="stable")
        starts = offsets_of(lengths)[:-1]
        found: list[Steps] = []
        ahead: list[Places] = [np.zeros(0, dtype=np.int64)]
        back: list[Places] = [np.zeros(0, dtype=np.int64)]
        first = 0
        for group in range(groups):
            members = order[group::groups]
            falling, begins = lengths[members], starts[members]
            longest = int(falling.max(initial=0))
            if not longest:
                continue
            counts = np.searchsorted(-falling, -np.arange(longest))  # (steps,)
            sequences = np.concatenate([np.arange(count) for count in counts])
            steps = np.repeat(np.arange(longest), counts)
            ahead.append(begins[sequences] + steps)
            back.append(begins[sequences] + falling[sequences] - 1 - steps)
            found.append(Steps(first, tuple(counts.tolist())))
            first += found[-1].row_count
        if not first:
            # The engine has no arrays without a row; one of zeros that no group has is harmless.
            none = np.zeros(0, dtype=np.int64)
            return cls((), np.zeros(1, dtype=np.int64), none, np.full(2, -1, dtype=np.int64))
        token_ahead, token_back = np.concatenate(ahead), np.concatenate(back)
        row_ahead, row_back = np.argsort(token_ahead), np.argsort(token_back)
        mirrored = np.empty(first, dtype=np.int64)
        mirrored[row_ahead] = row_back
        return cls(tuple(found), mirrored, row_ahead, np.concatenate([token_ahead, token_back]))

    @property
    def row_count(self) -> int:
        """R: rows of either half, as many as there are tokens; at least one."""
        return len(self.mirrored)


Layout: TypeAlias = Padded | InLine | InSteps


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
