"""One training step and one pass of scoring: the network, its tables and their optimizers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.batches import PairBatch, scoring_batches
from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.engine import autograd, nd
from object2vec.network.lookup import TableRead
from object2vec.network.pair_network import EmbeddedSide, PairNetwork
from object2vec.network.tables import TokenTable
from object2vec.training.dense_updates import HostUpdates
from object2vec.training.metrics import MetricSums
from object2vec.training.table_updates import TableUpdater
from object2vec.training.update_rules import make_rule


class Learner:
    """A network in training.

    Args:
        network: The network, initialized.
        tables: Its token tables; their arrays are written in place.
        hyperparameters: How it is trained.
    """

    def __init__(
        self,
        network: PairNetwork,
        tables: Sequence[TokenTable],
        hyperparameters: Hyperparameters,
    ) -> None:
        self.network = network
        self.tables = tuple(tables)
        is_lazy = hyperparameters.token_embedding_storage_type == "row_sparse"
        self.updaters = tuple(
            None
            if table.is_frozen
            else TableUpdater(
                table,
                make_rule(
                    hyperparameters.optimizer,
                    hyperparameters.learning_rate,
                    hyperparameters.weight_decay,
                ),
                is_lazy=is_lazy,
            )
            for table in self.tables
        )
        self.optimizer = HostUpdates(network.parameters, hyperparameters)

    def learn(self, batch: PairBatch) -> np.ndarray:
        """Make one step, and return the batch's metric sums (2,) from before it."""
        reads = self.network.read(batch.in0, batch.in1)
        sides: list[EmbeddedSide] = []
        marked: list[tuple[TableUpdater, TableRead, Any]] = []
        for table, read in reads:
            updater = self.updaters[table]
            if updater is None:
                rows = self.tables[table].weights[read.token_ids]
            else:
                rows = updater.read(read.token_ids)
            embeddings = self.network.embed(read, rows)  # (R, E)
            parts = [(part, [embeddings[piece] for piece in part.pieces]) for part in read.inputs]
            if updater is not None:
                marked.append((updater, read, _mark(embeddings, parts)))
            sides += parts
        sums = self.network.differentiate(sides, batch.labels)
        self.optimizer.step()
        for updater, read, gradient in marked:
            row_gradient = self.network.row_gradient(read, gradient)  # (U, E)
            # A batch without a token is a step for the table all the same, but of no row.
            rows_read = 0 if read.is_empty else len(row_gradient)
            updater.update(read.token_ids[:rows_read], row_gradient[:rows_read])
        return sums.asnumpy()

    def trained_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return everything that training changes, by name, every row of it up to date.

        Tables are the arrays themselves, which the next step changes; the others are copies.
        """
        weights = self.network.values()
        self.settle()
        for table in self.tables:
            if not table.is_frozen:
                weights[table.name] = table.weights
        return weights

    def settle(self) -> None:
        """Bring every row of every table up to date."""
        for updater in self.updaters:
            if updater is not None:
                updater.settle()


def _mark(embeddings: Any, parts: list[EmbeddedSide]) -> Any:
    """Let the tape begin at the pieces of token embeddings (R, E); return their gradient (R, E).

    The pieces' gradients are places of one array, so that nobody has to put them together.
    """
    gradient = nd.empty(embeddings.shape, ctx=embeddings.context)
    pieces = [piece for part, pieces in parts for piece in pieces]
    places = [gradient[piece] for part, _ in parts for piece in part.pieces]
    autograd.mark_variables(pieces, places)
    return gradient


def evaluate(
    network: PairNetwork, tables: Sequence[TokenTable], records: PairRecords
) -> MetricSums:
    """Return the metric sums of `records`, without dropout."""
    metrics = MetricSums(network.hyperparameters.is_regression)
    for batch in scoring_batches(records, network.scoring_batch_size()):
        _, sums = network.loss(network.sides_of(tables, batch.in0, batch.in1), batch.labels)
        metrics.add(sums.asnumpy(), len(batch))
    return metrics
