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

from object2vec.network.blocks import (
    MULTIPLY_ADDS_A_NANOSECOND,
    block_rows,
    for_blocks,
    for_shares,
)
from object2vec.network.engine import from_numpy, host_view, mx, nd
from object2vec.network.lookup import SparseMatrix

Floats: TypeAlias = npt.NDArray[np.float32]

# Sharing costs a gather and a sum; below so many distinct encodings a record it pays.
_SHARED = 0.7

# Below so many records they are summed one by one before a sparse product is set up.
_FEW = 200


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
        if len(self.places) < _FEW:
            records = np.arange(len(self.places))
            first = np.full(len(self.values), -1)
            first[self.places[::-1]] = records[::-1]
            sums = of_records[first]  # (D, X)
            sums[first < 0] = 0
            for record in np.flatnonzero(first[self.places] != records):
                sums[self.places[record]] += of_records[record]
            return sums
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
        self._compare()
        self.outputs: Floats = np.empty((len(self._records[0]), len(weight)), dtype=np.float32)

        def multiply(units: slice) -> None:
            outputs = self.outputs[:, units]
            outputs[...] = bias[units]
            for part, place in self._places.items():
                outputs += self._product(part, weight[units, place])

        for_shares(len(weight), self._nanoseconds, multiply)

    @property
    def _nanoseconds(self) -> float:
        """About how long one processor takes to multiply all records by all weights."""
        return len(self._records[0]) * self._weight.size / MULTIPLY_ADDS_A_NANOSECOND

    def _compare(self) -> None:
        """Compare every record's two encodings, by all operators that do."""
        left, right = self._records
        for part in self._places:
            if part in ("hadamard", "abs_diff"):
                self._compared[part] = np.empty_like(left)  # (N, C)

        def compare(block: slice) -> None:
            for part, compared in self._compared.items():
                if part == "hadamard":
                    np.multiply(left[block], right[block], out=compared[block])
                else:
                    np.subtract(left[block], right[block], out=compared[block])
                    np.abs(compared[block], out=compared[block])

        for_blocks(len(left), block_rows(left), compare)

    def _product(self, part: str, weight: Floats) -> Floats:
        """Return one part of the comparison times weights (h, C): (N, h)."""
        if part in self._compared:
            return self._compared[part] @ weight.T
        side = part == "right"
        encodings = self._sides[side]
        if not encodings.are_shared:
            return self._records[side] @ weight.T
        return Encodings(encodings.values @ weight.T, encodings.places).of_records()

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
        # Of a side whose encodings are shared: the gradient of what it gives alone, (D, H).
        alone = {
            part: self._sides[part == "right"].sum_over_records(of_outputs)
            for part in self._places
            if part not in self._compared and self._sides[part == "right"].are_shared
        }

        def of_units(units: slice) -> None:
            for part, place in self._places.items():
                heads, inputs = of_outputs, self._compared.get(part)
                if inputs is None:
                    inputs = self._records[part == "right"]
                if part in alone:
                    heads, inputs = alone[part], self._sides[part == "right"].values
                np.matmul(heads[:, units].T, inputs, out=of_weight[units, place])

        for_shares(len(of_weight), self._nanoseconds, of_units)
        of_records = [np.zeros_like(values) for values in self._records]  # (N, C) twice
        of_alone = {part: np.empty_like(self._sides[part == "right"].values) for part in alone}

        def of_columns(columns: slice) -> None:
            for part, place in self._places.items():
                weight = self._weight[:, place][:, columns]  # (H, c)
                if part in alone:
                    np.matmul(alone[part], weight, out=of_alone[part][:, columns])
                elif part in self._compared:
                    self._take_apart(part, of_outputs @ weight, columns, of_records)
                else:
                    of_records[part == "right"][:, columns] += of_outputs @ weight

        for_shares(of_records[0].shape[1], self._nanoseconds, of_columns)
        made = []
        for part, encodings, gradient in zip(
            ("left", "right"), self._sides, of_records, strict=True
        ):
            total = encodings.sum_over_records(gradient)
            made.append(total + of_alone[part] if part in alone else total)
        return made[0], made[1]

    def _take_apart(
        self, part: str, gradient: Floats, columns: slice, of_records: list[Floats]
    ) -> None:
        """Add what the gradient (N, c) of some columns of a comparison is to its two sides'."""
        left, right = (records[:, columns] for records in self._records)
        of_left, of_right = (each[:, columns] for each in of_records)
        if part == "hadamard":
            of_left += gradient * right
            of_right += gradient * left
            return
        signs = left - right
        np.sign(signs, out=signs)
        signs *= gradient
        of_left += signs
        of_right -= signs
