"""The comparison of two encodings and the first dense layer on it, by NumPy: how the CPU trains it.

The same mathematics as `comparator`. Its matrices are most of a network's arithmetic, so they are
multiplied where they lie: operator by operator, with the columns of the weights that belong to it,
and no side-by-side copy is made. Where records share encodings, what the layer makes of an encoding
alone (the operator concat) is computed once for each distinct one, which halves the arithmetic of
that operator's part and more.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.blocks import block_rows, for_blocks
from object2vec.network.engine import from_numpy, host_view, mx, nd
from object2vec.network.lookup import SparseMatrix

Floats: TypeAlias = npt.NDArray[np.float32]

# Sharing costs a gather and a sum; below so many distinct encodings a record it pays.
_SHARED = 0.7

# Below so many numbers NumPy sums them sooner than a sparse product is set up.
_SMALL = 1 << 19


@dataclass(frozen=True)
class Encodings:
    """The encodings of N records on one side.

    Attributes:
        values: (D, C).
        places: Which of them is each record's, (N,); None where D is N, in order.
    """

    values: Floats
    places: npt.NDArray[np.int64] | None = None

    def of_records(self) -> Floats:
        """Return every record's encoding, (N, C)."""
        places = self.places
        if places is None:
            return self.values
        records: Floats = np.empty((len(places), self.values.shape[1]), dtype=np.float32)

        def take(block: slice) -> None:
            self.values.take(places[block], axis=0, out=records[block], mode="clip")

        for_blocks(len(places), block_rows(self.values), take)
        return records

    @property
    def are_shared(self) -> bool:
        """Whether so many records share encodings that it is worth the bookkeeping."""
        return self.places is not None and len(self.values) < _SHARED * len(self.places)

    def sum_over_records(self, of_records: Floats) -> Floats:
        """Return the sums (D, X) over the records of each encoding of numbers (N, X)."""
        if self.places is None:
            return of_records
        counts = np.bincount(self.places, minlength=len(self.values))
        if of_records.size < _SMALL and counts.all():
            order = np.argsort(self.places, kind="stable")
            return np.add.reduceat(of_records[order], np.cumsum(counts) - counts, axis=0)
        ones = np.ones(len(self.places), dtype=np.float32)
        offsets = np.arange(len(self.places) + 1)
        choice = SparseMatrix(ones, self.places, offsets, len(self.values)).transposed()
        cpu = mx.cpu()
        return host_view(nd.sparse.dot(choice.to_device(cpu), from_numpy(of_records, cpu)))


class Comparison:
    """One batch's comparison and first layer.

    Args:
        operators: As in comparator_list.
        weight: The layer's weights, (H, width of the comparison).
        bias: (H,).
        left: The left side's encodings.
        right: The right side's.

    Attributes:
        outputs: What the layer makes of the comparison, (N, H), before its activation.
    """

    def __init__(
        self,
        operators: tuple[str, ...],
        weight: Floats,
        bias: Floats,
        left: Encodings,
        right: Encodings,
    ) -> None:
        self._operators = operators
        self._weight = weight
        self._sides = left, right
        self._records = left.of_records(), right.of_records()
        self._compared: dict[str, Floats] = {}
        columns = left.values.shape[1]
        self._places = {}
        start = 0
        for name in operators:
            for part in ("left", "right") if name == "concat" else (name,):
                self._places[part] = slice(start, start + columns)
                start += columns
        self.outputs: Floats = np.empty((len(self._records[0]), len(weight)), dtype=np.float32)
        self.outputs[...] = bias
        for part, place in self._places.items():
            self.outputs += self._forward(part, weight[:, place])

    def _forward(self, part: str, weight: Floats) -> Floats:
        """Return the share (N, H) of one part of the comparison, whose weights are (H, C)."""
        if part in ("left", "right"):
            side = part == "right"
            encodings = self._sides[side]
            if not encodings.are_shared:
                return self._records[side] @ weight.T
            return Encodings(encodings.values @ weight.T, encodings.places).of_records()
        left, right = self._records
        compared = np.empty_like(left)  # (N, C)

        def compare(block: slice) -> None:
            if part == "hadamard":
                np.multiply(left[block], right[block], out=compared[block])
            else:
                np.subtract(left[block], right[block], out=compared[block])
                np.abs(compared[block], out=compared[block])

        for_blocks(len(left), block_rows(left), compare)
        self._compared[part] = compared
        return compared @ weight.T

    def gradient(
        self, of_outputs: Floats, of_weight: Floats, of_bias: Floats
    ) -> tuple[Floats, Floats]:
        """Return the gradients (D, C) of both sides' encodings, and write those of the layer.

        Args:
            of_outputs: The gradient of the outputs, (N, H).
            of_weight: Where the weights' gradient goes, (H, width of the comparison).
            of_bias: Where the bias's goes, (H,).
        """
        of_bias[...] = of_outputs.sum(axis=0)
        of_records = [np.zeros_like(values) for values in self._records]  # (N, C) twice
        alone: list[Floats | None] = [None, None]
        for part, place in self._places.items():
            weight, target = self._weight[:, place], of_weight[:, place]
            if part in ("left", "right"):
                side = part == "right"
                encodings = self._sides[side]
                if encodings.are_shared:
                    sums = encodings.sum_over_records(of_outputs)  # (D, H)
                    np.matmul(sums.T, encodings.values, out=target)
                    alone[side] = sums @ weight  # (D, C)
                else:
                    np.matmul(of_outputs.T, self._records[side], out=target)
                    of_records[side] += of_outputs @ weight
                continue
            np.matmul(of_outputs.T, self._compared[part], out=target)
            self._of_compared(part, of_outputs @ weight, of_records)
        made = []
        for encodings, gradient, of_alone in zip(self._sides, of_records, alone, strict=True):
            total = encodings.sum_over_records(gradient)
            if of_alone is not None:
                total += of_alone
            made.append(total)
        return made[0], made[1]

    def _of_compared(self, part: str, gradient: Floats, of_records: list[Floats]) -> None:
        """Add what the gradient (N, C) of a comparison is to those of its two sides."""
        left, right = self._records

        def add(block: slice) -> None:
            if part == "hadamard":
                of_records[0][block] += gradient[block] * right[block]
                of_records[1][block] += gradient[block] * left[block]
                return
            signs = left[block] - right[block]
            np.sign(signs, out=signs)
            signs *= gradient[block]
            of_records[0][block] += signs
            of_records[1][block] -= signs

        for_blocks(len(left), block_rows(left), add)
