"""The whole network of a pair: tables' rows in, encodings and outputs out.

The engine's tape begins at the token embeddings (`embed`): what lies before them is a product with
a matrix of the batch, whose gradient is a product with its transpose (`row_gradient`).
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.ragged import RaggedArray
from object2vec.hyperparameters import Hyperparameters
from object2vec.network import engine
from object2vec.network.comparator import Objective, Scorer
from object2vec.network.dropout import DropoutMasks
from object2vec.network.encoders import BiLSTM, PooledEmbedding, make_encoder
from object2vec.network.engine import autograd, mx, nd
from object2vec.network.layouts import Layout, Padded
from object2vec.network.lookup import SideInput, TableRead, TokenReader
from object2vec.network.packed_encoders import begin_pass, packed_layout
from object2vec.network.tables import TokenTable

EmbeddedSide: TypeAlias = tuple[SideInput, Any]

# The original's names of the two encoders' parameters.
SIDE_PREFIXES = ("source_", "target_")


class PairNetwork:
    """Two encoders, a comparator, an MLP and an output layer.

    Args:
        hyperparameters: What the network looks like.
        ctx: The engine's device, or several that hold the same parameters.
        is_packed: Whether sequences are laid out without padding, which only the CPU computes, or
            padded, which bounds the number of shapes better. None packs on one CPU.
        has_values: Whether the parameters have memory, and are zero. Without, `load` gives them
            both, and until then the network is good for its shapes.

    Attributes:
        ctx: Where this network computes; see `on`.
        contexts: All devices that hold its parameters.
        masks: Dropout where the network is packed; elsewhere it is the engine's.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        ctx: Any,
        *,
        is_packed: bool | None = None,
        has_values: bool = True,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.contexts: tuple[Any, ...] = tuple(ctx) if isinstance(ctx, list | tuple) else (ctx,)
        self.ctx = self.contexts[0]
        if is_packed is None:
            is_packed = len(self.contexts) == 1 and self.ctx.device_type == "cpu"
        self.is_packed = is_packed
        self.encoders = tuple(
            make_encoder(encoder, hyperparameters.enc_dim, hyperparameters.dropout, prefix)
            for encoder, prefix in zip(hyperparameters.encoders, SIDE_PREFIXES, strict=True)
        )
        self.scorer = Scorer(hyperparameters)
        self.masks = DropoutMasks(hyperparameters.dropout)
        self.objective = Objective(hyperparameters.is_regression)
        for parameter in self.parameters.values() if has_values else ():
            parameter.initialize(mx.init.Zero(), ctx=list(self.contexts))
        for encoder in self.encoders:
            # A packed encoder is no graph: its shapes change with every batch.
            encoder.hybridize(not self.is_packed or isinstance(encoder, PooledEmbedding))
        self.scorer.hybridize()
        self.objective.hybridize()
        # Sides 0 and 1 read table 0 when tied.
        tied = hyperparameters.tied_token_embedding_weight
        self._table_of_side = (0, 0) if tied else (0, 1)
        self._readers = tuple(
            TokenReader(encoder.vocab_size, hyperparameters.padding_id)
            for encoder in hyperparameters.encoders[: 1 if tied else 2]
        )

    @property
    def parameters(self) -> dict[str, Any]:
        """Name to parameter, for all but the token tables."""
        found: dict[str, Any] = {}
        for block in (*self.encoders, self.scorer):
            found.update(block.collect_params())
        return found

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape, for all but the token tables."""
        return {name: tuple(parameter.shape) for name, parameter in self.parameters.items()}

    def load(self, values: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Set every parameter from the array of its name."""
        for name, parameter in self.parameters.items():
            # Anew: once a convolution has run, the engine keeps its weights in a layout of its own,
            # into which it refuses to copy.
            parameter.initialize(mx.init.Zero(), ctx=list(self.contexts), force_reinit=True)
            parameter.set_data(nd.array(values[name], ctx=self.ctx))

    def values(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return a copy of every parameter as an array."""
        return {
            name: parameter.data(self.ctx).asnumpy() for name, parameter in self.parameters.items()
        }

    def seed(self, value: int) -> None:
        """Seed all that dropout draws."""
        self.masks.seed(value)

    def seed_engine(self) -> None:
        """Seed the engine, which draws dropout where the network is not packed."""
        engine.seed(int(self.masks.generator.integers(2**31)))

    def on(self, ctx: Any) -> "PairNetwork":
        """Return this network, the same parameters, computing on another of its devices."""
        other = copy.copy(self)
        other.ctx = ctx
        return other

    def read(self, in0: RaggedArray | None, in1: RaggedArray | None) -> list[tuple[int, TableRead]]:
        """Return what a batch reads: table numbers, and the reads of those tables.

        Args:
            in0: N sequences of the left side without outer padding, or None.
            in1: The same of the right side.
        """
        sides: dict[int, list[tuple[int, RaggedArray, Layout | None]]] = {}
        for side, rows in enumerate((in0, in1)):
            if rows is not None:
                read = (side, rows, self._layout(side, rows.lengths))
                sides.setdefault(self._table_of_side[side], []).append(read)
        return [(table, self._readers[table].read(parts)) for table, parts in sides.items()]

    def embed(self, read: TableRead, rows: npt.NDArray[np.float32]) -> Any:
        """Return the token embeddings of all sides that read a table, shape (R, E).

        Args:
            read: What the batch reads of the table.
            rows: The rows of `read.token_ids`, shape (U, E).
        """
        matrix = read.matrix.to_device(self.ctx)  # (R, U)
        return nd.sparse.dot(matrix, engine.from_numpy(rows, self.ctx))  # (R, E)

    def row_gradient(self, read: TableRead, gradient: Any) -> npt.NDArray[np.float32]:
        """Return the gradient of the rows that `read` read, shape (U, E).

        Args:
            read: What the batch read of the table.
            gradient: The gradient of `embed`'s result, shape (R, E).
        """
        matrix = read.transposed.to_device(self.ctx)  # (U, R)
        product = nd.sparse.dot(matrix, gradient)
        if self.ctx.device_type == "cpu":
            return engine.host_view(product)
        return product.asnumpy()

    def encode(self, part: SideInput, embeddings: Any) -> Any:
        """Encode one side's token embeddings (rows of its layout, E): (N, C)."""
        encoder = self.encoders[part.side]
        if part.layout is None:
            return encoder(embeddings)
        if not isinstance(part.layout, Padded):
            masks = self.masks if autograd.is_training() else None
            encoded = begin_pass(encoder, part, embeddings, masks).encodings
            return engine.from_numpy(encoded, self.ctx)
        count, width = len(part.lengths), part.layout.width
        tokens = embeddings.reshape((count, width, -1))  # (N, T, E)
        mask = nd.array(part.mask.reshape(count, width), ctx=self.ctx)  # (N, T)
        if isinstance(encoder, BiLSTM):
            lengths = nd.array(part.lengths, ctx=self.ctx, dtype="float32")  # (N,)
            zeros = nd.zeros((1, count, encoder.hidden), ctx=self.ctx)  # (1, N, H)
            return encoder(tokens, mask, lengths, zeros)
        return encoder(tokens, mask)

    def loss(self, sides: Sequence[EmbeddedSide], labels: npt.NDArray[Any]) -> tuple[Any, Any]:
        """Return the mean loss (1,) and the metric sums (2,) of a batch of pairs.

        Args:
            sides: Both sides' token embeddings, in any order.
            labels: Labels of shape (N,).
        """
        left, right = (self.encode(*side) for side in sorted(sides, key=lambda side: side[0].side))
        return self.objective(self.scorer(left, right), self.targets(labels))

    def targets(self, labels: npt.NDArray[Any]) -> Any:
        """Return labels (N,) on the device."""
        return engine.from_numpy(labels.astype(np.float32), self.ctx)

    def sides_of(
        self, tables: Sequence[TokenTable], in0: RaggedArray | None, in1: RaggedArray | None
    ) -> list[EmbeddedSide]:
        """Return the given sides' token embeddings, read from the tables as they are."""
        sides = []
        for table, read in self.read(in0, in1):
            embeddings = self.embed(read, tables[table].weights[read.token_ids])
            sides += [(part, embeddings[part.place]) for part in read.inputs]
        return sides

    def scores(self, left: Any, right: Any) -> Any:
        """Return class probabilities (N, classes), or predictions (N, 1), of encodings (N, C)."""
        outputs = self.scorer(left, right)
        return outputs if self.hyperparameters.is_regression else nd.softmax(outputs, axis=1)

    def scoring_batch_size(self, length: int | None = None) -> int:
        """Return how many records to score at once, so that no layer outgrows 64 MiB by much.

        Args:
            length: Tokens of the longest sequence; None takes the sides' max_seq_len.
        """
        widest = 1
        for side, encoder in enumerate(self.hyperparameters.encoders):
            positions = 1 if self.is_pooled(side) else length or encoder.max_seq_len
            width = max(encoder.token_embedding_dim, self.hyperparameters.enc_dim)
            widest = max(widest, positions * width)
        return int(np.clip(2**24 // widest, 1, 1024))

    def _layout(self, side: int, lengths: npt.NDArray[np.int64]) -> Layout | None:
        if self.is_pooled(side):
            return None
        layout: Layout = (
            packed_layout(self.encoders[side], lengths) if self.is_packed else Padded.of(lengths)
        )
        return layout

    def is_pooled(self, side: int) -> bool:
        """Return whether a side's encoder takes the mean of its tokens, without their order."""
        return isinstance(self.encoders[side], PooledEmbedding)
