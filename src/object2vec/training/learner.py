"""One training step and one pass of scoring: the network, its tables and their optimizers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.batches import PairBatch, scoring_batches
from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.differentiation import differentiate_on_host, differentiate_on_tape
from object2vec.network.lookup import TableRead
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable
from object2vec.training.ahead import ahead
from object2vec.training.dense_updates import HostUpdates
from object2vec.training.metrics import MetricSums
from object2vec.training.table_updates import TableUpdater
from object2vec.training.update_rules import make_rule

Reads: TypeAlias = list[tuple[int, TableRead]]


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

    def learn_all(self, batches: Iterable[PairBatch]) -> Iterator[tuple[np.ndarray, int]]:
        """Make a step with every batch; yield its metric sums (2,) and its records."""
        for batch, reads in ahead(batches, self._prepare):
            yield self._learn(batch, reads), len(batch)

    def learn(self, batch: PairBatch) -> np.ndarray:
        """Make one step, and return the batch's metric sums (2,) from before it."""
        return self._learn(*self._prepare(batch))

    def _prepare(self, batch: PairBatch) -> tuple[PairBatch, Reads]:
        """Find out what a batch reads; this needs no weights."""
        reads = self.network.read(batch.in0, batch.in1)
        for table, read in reads:
            if self.updaters[table] is not None and not read.is_choice:
                read.transposed  # noqa: B018 (computed here, in time)
        return batch, reads

    def _learn(self, batch: PairBatch, reads: Reads) -> np.ndarray:
        given = []
        for table, read in reads:
            updater = self.updaters[table]
            if updater is None:
                rows = self.tables[table].weights[read.token_ids]
            else:
                rows = updater.read(read.token_ids)
            given.append((read, rows, updater is not None))
        differentiate = differentiate_on_host if self.network.is_packed else differentiate_on_tape
        # Numbers that run away show in the sums.
        with np.errstate(over="ignore", invalid="ignore"):
            sums, gradients = differentiate(self.network, given, batch.labels)
        self.optimizer.step()
        for (table, read), gradient in zip(reads, gradients, strict=True):
            updater = self.updaters[table]
            if updater is not None and gradient is not None:
                # A batch without a token is a step for the table all the same, but of no row.
                rows_read = 0 if read.is_empty else len(gradient)
                updater.update(read.token_ids[:rows_read], gradient[:rows_read])
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


def evaluate(
    network: PairNetwork, tables: Sequence[TokenTable], records: PairRecords
) -> MetricSums:
    """Return the metric sums of `records`, without dropout."""
    metrics = MetricSums(network.hyperparameters.is_regression)
    for batch in scoring_batches(records, network.scoring_batch_size()):
        _, sums = network.loss(network.sides_of(tables, batch.in0, batch.in1), batch.labels)
        metrics.add(sums.asnumpy(), len(batch))
    return metrics
