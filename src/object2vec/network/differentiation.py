"""Loss and gradients of one batch: on any device by the engine's tape alone, or on the CPU faster.

Both set the gradients of the parameters and return those of the tables' rows, which the tape does
not know.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.comparison import Comparison, Encodings
from object2vec.network.dropout import DropoutMasks
from object2vec.network.engine import autograd, host_view, nd
from object2vec.network.host_layers import HostLayers, score_loss
from object2vec.network.lookup import SideInput, TableRead
from object2vec.network.packed_encoders import begin_pass
from object2vec.network.pair_network import EmbeddedSide, PairNetwork

Floats: TypeAlias = npt.NDArray[np.float32]


class TableInput:
    """What a batch reads of one table, on its way to the encoders and back.

    Args:
        network: Whose encoders read it.
        read: Which rows, and what is made of them.
        rows: The rows of `read.token_ids`, (U, E).
        is_trained: Whether the gradient of the rows is asked for.

    Attributes:
        sides: The sides that read the table, with their embeddings.
    """

    def __init__(
        self, network: PairNetwork, read: TableRead, rows: Floats, *, is_trained: bool
    ) -> None:
        self._network = network
        self._read = read
        embeddings = network.embed(read, rows)  # (R, E)
        self.sides: list[EmbeddedSide] = [(part, embeddings[part.place]) for part in read.inputs]
        self._gradient: Any = None
        if is_trained:
            # The sides' gradients are places of one array: nobody has to put them together.
            self._gradient = nd.empty(embeddings.shape, ctx=network.ctx)  # (R, E)
            places = [self._gradient[part.place] for part in read.inputs]
            autograd.mark_variables([side for _, side in self.sides], places)

    def row_gradient(self) -> Floats | None:
        """Return the gradient of the rows, (U, E), after the sides got theirs; None if frozen."""
        if self._gradient is None:
            return None
        return self._network.row_gradient(self._read, self._gradient)


class ChosenRows:
    """Rows that are encodings as they are: every sequence is one token of a pooled encoder.

    Args:
        read: Which rows.
        rows: (U, C).
        is_trained: Whether the gradient of the rows is asked for.
    """

    def __init__(self, read: TableRead, rows: Floats, *, is_trained: bool) -> None:
        self._is_trained = is_trained
        self._gradient: Floats | None = None
        self.encodings = [(part.side, Encodings(rows, part.chosen)) for part in read.inputs]

    def add_gradient(self, gradient: Floats) -> None:
        """Take the gradient (U, C) of one side's encodings."""
        self._gradient = gradient if self._gradient is None else self._gradient + gradient

    def row_gradient(self) -> Floats | None:
        """Return the gradient of the rows, (U, C); None if frozen."""
        return self._gradient if self._is_trained else None


def differentiate_on_tape(
    network: PairNetwork,
    reads: Sequence[tuple[TableRead, Floats, bool]],
    labels: npt.NDArray[Any],
    weight: float = 1.0,
) -> tuple[Any, list[Floats | None]]:
    """Set the parameters' gradients of the mean loss of a batch, on any device.

    Args:
        network: Not packed.
        reads: Of every table: what is read, the rows (U, E), and whether it is trained.
        labels: (N,).
        weight: By what all gradients are multiplied: the batch's part of the whole step.

    Returns:
        The metric sums (2,), on the engine, and of every table the gradient (U, E) of its rows,
        None where it is frozen.
    """
    inputs = [TableInput(network, *read[:2], is_trained=read[2]) for read in reads]
    with autograd.record():
        loss, sums = network.loss([side for each in inputs for side in each.sides], labels)
    loss.backward(None if weight == 1 else nd.full(loss.shape, weight, ctx=loss.context))
    return sums, [each.row_gradient() for each in inputs]


def differentiate_on_host(
    network: PairNetwork,
    reads: Sequence[tuple[TableRead, Floats, bool]],
    labels: npt.NDArray[Any],
    weight: float = 1.0,
) -> tuple[Any, list[Floats | None]]:
    """Do the same on the CPU, with sequences packed and all layers but convolutions by NumPy.

    The metric sums are NumPy's then.
    """
    scorer, masks = network.scorer, network.masks
    inputs: list[TableInput | ChosenRows] = []
    ways: dict[int, _Way] = {}
    for read, rows, is_trained in reads:
        if read.is_choice and not network.hyperparameters.dropout:
            chosen = ChosenRows(read, rows, is_trained=is_trained)
            inputs.append(chosen)
            ways |= {side: _ChoiceWay(chosen, given) for side, given in chosen.encodings}
            continue
        table = TableInput(network, read, rows, is_trained=is_trained)
        inputs.append(table)
        for part, embeddings in table.sides:
            if part.layout is None:
                ways[part.side] = _PooledWay(embeddings, masks)
            else:
                ways[part.side] = _PackedWay(network, part, embeddings)
    left, right = ways[0], ways[1]
    first = scorer.dense_layers[0]
    comparison = Comparison(
        scorer.comparator.operators,
        host_view(first.weight.data()),
        host_view(first.bias.data()),
        left.encodings,
        right.encodings,
    )
    layers = HostLayers(scorer, comparison.outputs, masks)
    sums, of_scores = score_loss(
        layers.scores, labels, is_regression=network.hyperparameters.is_regression
    )
    of_scores *= np.float32(weight)
    gradients = comparison.gradient(
        layers.backward(of_scores), host_view(first.weight.grad()), host_view(first.bias.grad())
    )
    for way, gradient in zip((left, right), gradients, strict=True):
        way.backward(gradient)
    return sums, [each.row_gradient() for each in inputs]


class _Way(ABC):
    """One side's way from its embeddings to encodings, and back with their gradient (D, C)."""

    encodings: Encodings

    @abstractmethod
    def backward(self, gradient: Floats) -> None: ...


class _ChoiceWay(_Way):
    def __init__(self, rows: ChosenRows, encodings: Encodings) -> None:
        self.encodings = encodings
        self._rows = rows

    def backward(self, gradient: Floats) -> None:
        self._rows.add_gradient(gradient)


class _PooledWay(_Way):
    def __init__(self, embeddings: Any, masks: DropoutMasks) -> None:
        self._embeddings = embeddings
        pooled = host_view(embeddings)  # (N, C)
        self._mask = masks.draw(pooled.shape)
        self.encodings = Encodings(pooled if self._mask is None else pooled * self._mask)

    def backward(self, gradient: Floats) -> None:
        if self._embeddings.grad is not None:
            place = host_view(self._embeddings.grad)
            np.multiply(gradient, 1 if self._mask is None else self._mask, out=place)


class _PackedWay(_Way):
    def __init__(self, network: PairNetwork, part: SideInput, embeddings: Any) -> None:
        encoder = network.encoders[part.side]
        self._pass = begin_pass(encoder, part, embeddings, network.masks)
        self.encodings = Encodings(self._pass.encodings)

    def backward(self, gradient: Floats) -> None:
        self._pass.backward(gradient)
