"""Token lookup as a sparse product: which rows of a table a batch reads, and with what weights.

Embeddings of a batch are `matrix @ rows`, where `rows` holds only the distinct tokens of the batch,
and the gradient of those rows is `matrix.T @ gradient`. So cost follows the batch, never the
vocabulary, and no gather over repeated tokens is made: pooled embeddings are one product of an
averaging matrix, sequences one product of a selecting matrix. Padding has no column: it reads zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray, offsets_of
from object2vec.network.engine import from_numpy, mx
from object2vec.network.layouts import Layout


@dataclass(frozen=True)
class SparseMatrix:
    """A matrix of shape (rows, columns) by its entries, row after row (CSR)."""

    values: npt.NDArray[np.float32]
    columns: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    column_count: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.offsets) - 1, self.column_count

    def to_device(self, ctx: Any) -> Any:
        """Return the engine's CSR array of the same shape."""
        # Handed over as arrays of the engine, it copies them once and not twice.
        host = mx.cpu()
        parts = (from_numpy(part, host) for part in (self.values, self.columns, self.offsets))
        return mx.nd.sparse.csr_matrix(tuple(parts), shape=self.shape, ctx=ctx)

    def transposed(self) -> "SparseMatrix":
        """Return the transposed matrix, entries of equal column in the order of their rows."""
        row_count, column_count = self.shape
        order = _stable_order(self.columns, column_count)
        entry_rows = np.repeat(np.arange(row_count, dtype=np.int64), np.diff(self.offsets))
        counts = np.bincount(self.columns, minlength=column_count)
        return SparseMatrix(self.values[order], entry_rows[order], offsets_of(counts), row_count)


def _stable_order(keys: npt.NDArray[np.int64], key_count: int) -> npt.NDArray[np.int64]:
    """Return the stable sorting order of `keys` (all below `key_count`).

    NumPy sorts 16-bit integers by radix, many times faster than wider ones by comparison.
    """
    if key_count <= 1 << 16:
        return np.argsort(keys.astype(np.uint16), kind="stable")
    low = np.argsort((keys & 0xFFFF).astype(np.uint16), kind="stable")
    high = (keys >> 16).astype(np.uint16)[low]
    return low[np.argsort(high, kind="stable")]


@dataclass(frozen=True)
class SideInput:
    """What one encoder reads of a batch of N sequences.

    Attributes:
        side: 0 or 1.
        first_row: Where the side's rows begin in its table's matrix.
        row_count: N for a pooled encoder, as many as the layout has for a sequence encoder.
        lengths: Tokens a sequence, shape (N,).
        layout: Which token stands in which row; None when pooled.
        kept: Which tokens are not padding, (total,); None where all are.
        chosen: Of a pooled encoder whose sequences are single tokens, the place of each among the
            read's distinct tokens, (N,): there is nothing to average. Else None.
    """

    side: int
    first_row: int
    row_count: int
    lengths: npt.NDArray[np.int64]
    layout: Layout | None
    kept: npt.NDArray[np.bool_] | None
    chosen: npt.NDArray[np.int64] | None = None

    @property
    def place(self) -> slice:
        """The side's rows in its table's matrix."""
        return slice(self.first_row, self.first_row + self.row_count)

    @property
    def mask(self) -> npt.NDArray[np.float32]:
        """1 in every row of the layout where a token stands that is not padding, else 0: (R,)."""
        assert self.layout is not None
        return _stands(self.layout, self.kept).astype(np.float32)

    @property
    def kept_counts(self) -> npt.NDArray[np.int64]:
        """Tokens a sequence that are not padding, (N,)."""
        return _kept_counts(self.lengths, self.kept)


@dataclass(frozen=True)
class TableRead:
    """What one batch reads of one table.

    Attributes:
        token_ids: The distinct tokens of the batch, padding left out, shape (U,), unsorted.
        matrix: Rows of every side, one below the other, by U columns.
        inputs: The sides that read this table.
    """

    token_ids: npt.NDArray[np.int64]
    matrix: SparseMatrix
    inputs: tuple[SideInput, ...]

    @cached_property
    def transposed(self) -> SparseMatrix:
        """The matrix by which the gradient of the rows is made; computed once."""
        return self.matrix.transposed()

    @property
    def is_choice(self) -> bool:
        """Whether every row of every side is one token: no product is needed then."""
        return all(part.chosen is not None for part in self.inputs)

    @property
    def is_empty(self) -> bool:
        """Whether the batch has no token; then `token_ids` names a row that no entry reads."""
        return not len(self.matrix.values)


class TokenReader:
    """Turns the token sequences of a batch into reads of one table.

    Owns a scratch array of one integer a vocabulary entry, by which the distinct tokens of a batch
    are found in linear time.
    """

    def __init__(self, vocab_size: int, padding_id: int | None) -> None:
        self._padding_id = padding_id
        self._scratch = np.zeros(vocab_size, dtype=np.int64)

    def read(self, sides: Sequence[tuple[int, RaggedArray, Layout | None]]) -> TableRead:
        """Return what a batch reads of the table.

        Args:
            sides: For each side that reads this table: its number, N token sequences without outer
                padding, and how they are laid out; None for a pooled encoder.
        """
        values = np.concatenate([rows.values for _, rows, _ in sides])
        present = None if self._padding_id is None else values != self._padding_id
        if present is not None and present.all():
            present = None
        distinct, columns = self._distinct(values if present is None else values[present])
        if present is not None:
            of_tokens = np.zeros(len(values), dtype=np.int64)
            of_tokens[present] = columns
            columns = of_tokens
        counts: list[npt.NDArray[Any]] = []
        weights: list[npt.NDArray[np.float32]] = []
        entries: list[npt.NDArray[np.int64]] = []
        inputs: list[SideInput] = []
        first_row = first_value = 0
        for side, rows, layout in sides:
            part = slice(first_value, first_value + len(rows.values))
            kept = None if present is None else present[part]
            first_value = part.stop
            chosen = None
            if layout is None:
                row_entries: npt.NDArray[Any] = _kept_counts(rows.lengths, kept)
                shares = (1.0 / np.maximum(row_entries, 1)).astype(np.float32)
                weights.append(np.repeat(shares, row_entries))
                entries.append(columns[part] if kept is None else columns[part][kept])
                if (row_entries == 1).all():
                    chosen = entries[-1]
            else:
                row_entries = _stands(layout, kept)
                tokens = layout.token_of_row[row_entries]
                weights.append(np.ones(len(tokens), dtype=np.float32))
                entries.append(columns[part][tokens])
            counts.append(row_entries)
            inputs.append(
                SideInput(side, first_row, len(row_entries), rows.lengths, layout, kept, chosen)
            )
            first_row += len(row_entries)
        matrix = SparseMatrix(
            np.concatenate(weights),
            np.concatenate(entries),
            offsets_of(np.concatenate(counts)),
            len(distinct),
        )
        return TableRead(distinct, matrix, tuple(inputs))

    def _distinct(
        self, values: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the distinct values and, for each value, its place among them."""
        places = np.arange(len(values), dtype=np.int64)
        scratch = self._scratch
        scratch[values] = places
        distinct = values[scratch[values] == places].astype(np.int64)
        if not len(distinct):
            # The engine has no products with an empty side; a row that no entry reads is harmless.
            return np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)
        scratch[distinct] = np.arange(len(distinct))
        return distinct, scratch[values]


def _kept_counts(
    lengths: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.int64]:
    """Return how many tokens of each sequence are kept, (N,)."""
    if kept is None:
        return lengths
    return np.diff(offsets_of(kept.astype(np.int64))[offsets_of(lengths)])


def _stands(layout: Layout, kept: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    """Return in which rows of a layout a token stands that is not padding, (R,)."""
    stands = layout.token_of_row >= 0
    if kept is not None:
        stands[stands] = kept[layout.token_of_row[stands]]
    return stands
