"""One training step and one pass of scoring: the network, its tables and their optimizers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.data.batches import PairBatch, scoring_batches
from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.blocks import BLOCK_ELEMENTS, side_by_side
from object2vec.network.differentiation import differentiate_on_host, differentiate_on_tape
from object2vec.network.engine import to_numpy
from object2vec.network.lookup import TableRead
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable
from object2vec.training.ahead import ahead
from object2vec.training.dense_updates import DenseUpdates, make_dense_updates
from object2vec.training.host_store import HostStore
from object2vec.training.metrics import MetricSums
from object2vec.training.server_updates import (
    ServerDenseUpdates,
    Servers,
    ServerTableUpdater,
)
from object2vec.training.table_updates import TableUpdater
from object2vec.training.update_rules import GROWING, make_rule

Floats: TypeAlias = npt.NDArray[np.float32]
Updater: TypeAlias = TableUpdater | ServerTableUpdater


@dataclass(frozen=True)
class Part:
    """The part of a batch that one device computes.

    Attributes:
        network: The network on that device.
        reads: Table numbers, and what is read of those tables.
        labels: (N,).
        weight: By what its mean gradient counts in the step.
    """

    network: PairNetwork
    reads: list[tuple[int, TableRead]]
    labels: Floats
    weight: float


class Learner:
    """A network in training.

    Args:
        network: The network, initialized, on one device or several.
        tables: Its token tables; their arrays are written in place.
        hyperparameters: How it is trained.
        hosts_store: Where gradients are joined with those of other hosts; None without any.
    """

    def __init__(
        self,
        network: PairNetwork,
        tables: Sequence[TokenTable],
        hyperparameters: Hyperparameters,
        hosts_store: HostStore | None = None,
    ) -> None:
        self.network = network
        self.tables = tuple(tables)
        self._networks = [network.on(ctx) for ctx in network.contexts]
        self._row_exchange = hosts_store.row_exchange if hosts_store else None
        self.optimizer: DenseUpdates | ServerDenseUpdates
        self.updaters: tuple[Updater | None, ...]
        self._is_at_servers = hosts_store is not None and hosts_store.is_async
        if hosts_store is not None and hosts_store.is_async:
            trained = [table for table in self.tables if not table.is_frozen]
            held = network.values() | {table.name: table.weights for table in trained}
            servers = Servers(hosts_store.kv, held, hyperparameters)
            self.optimizer = ServerDenseUpdates(servers, network.parameters)
            self.updaters = tuple(
                None if table.is_frozen else ServerTableUpdater(servers, table)
                for table in self.tables
            )
            return
        self.optimizer = make_dense_updates(network.parameters, hyperparameters, network.contexts)
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

    def learn_all(self, batches: Iterable[PairBatch]) -> Iterator[tuple[PairBatch, Floats]]:
        """Make a step with every batch; yield the batch and its metric sums (2,)."""
        for batch, parts in ahead(batches, lambda batch: (batch, self._prepare(batch))):
            yield batch, self._learn(parts)

    def learn(self, batch: PairBatch) -> Floats:
        """Make one step, and return the batch's metric sums (2,) from before it."""
        return self._learn(self._prepare(batch))

    def _prepare(self, batch: PairBatch) -> list[Part]:
        """Divide a batch over the devices and find out what is read; this needs no weights."""
        parts = []
        count = min(len(self._networks), len(batch))
        for network, place in zip(
            self._networks, np.array_split(np.arange(len(batch)), count), strict=False
        ):
            in0, in1, labels = batch.in0, batch.in1, batch.labels
            if count > 1:
                in0, in1, labels = in0.take(place), in1.take(place), labels[place]
            reads = network.read(in0, in1)
            for table, read in reads:
                if self.updaters[table] is not None and not read.is_choice:
                    read.transposed  # noqa: B018 (computed here, in time)
            weight = batch.weight * len(labels) / len(batch)
            parts.append(Part(network, reads, labels, weight))
        return parts

    def _learn(self, parts: Sequence[Part]) -> Floats:
        if not self.network.is_packed and self.network.hyperparameters.dropout:
            # The engine's generator cannot be kept and put back, so every step begins it anew.
            self.network.seed_engine()
        # Numbers that run away show in the sums.
        with np.errstate(over="ignore", invalid="ignore"):
            found = [self._differentiate(part) for part in parts]
            rows = self._row_gradients(parts, [gradients for _, gradients in found])
        if self._row_exchange is not None:
            assert not isinstance(self.optimizer, ServerDenseUpdates)
            flat, rows = self._row_exchange.exchange_step(self.optimizer.gradient(), rows)
            self.optimizer.set_gradient(flat)
        updates = [
            (gradient.size, partial(self._updater(table).update, token_ids, gradient))
            for table, (token_ids, gradient) in rows.items()
        ]
        self._spread([(0, self.optimizer.step), *updates])
        sums: Floats = np.sum([to_numpy(sums) for sums, _ in found], axis=0)
        return sums

    def _spread(self, works: Iterable[tuple[int, Callable[[], None]]]) -> None:
        """Do several works, given with how many numbers of a table each is about.

        Few are the work of one processor, beside the others; many are divided, and what lies at
        the servers is one thread's.
        """
        beside: list[Callable[[], None]] = []
        after: list[Callable[[], None]] = []
        for size, work in works:
            is_small = size <= BLOCK_ELEMENTS and not self._is_at_servers
            (beside if is_small else after).append(work)
        if beside:
            side_by_side(*beside)
        for each in after:
            each()

    def _differentiate(self, part: Part) -> tuple[Any, list[Floats | None]]:
        rows: dict[int, Floats] = {}

        def take(table: int, token_ids: npt.NDArray[np.int64]) -> None:
            updater = self.updaters[table]
            if updater is None:
                rows[table] = self.tables[table].weights[token_ids]
            else:
                rows[table] = updater.read(token_ids)

        self._spread(
            [
                (
                    len(read.token_ids) * self.tables[table].weights.shape[1],
                    partial(take, table, read.token_ids),
                )
                for table, read in part.reads
            ]
        )
        given = [
            (read, rows[table], self.updaters[table] is not None) for table, read in part.reads
        ]
        differentiate = differentiate_on_host if part.network.is_packed else differentiate_on_tape
        return differentiate(part.network, given, part.labels, part.weight)

    def _updater(self, table: int) -> Updater:
        """Return what updates a table that is trained."""
        updater = self.updaters[table]
        assert updater is not None
        return updater

    def _row_gradients(
        self, parts: Sequence[Part], gradients: Sequence[list[Floats | None]]
    ) -> dict[int, tuple[npt.NDArray[np.int64], Floats]]:
        """Return by table the distinct ids (U,) of all devices, and their gradients (U, E)."""
        by_table: dict[int, list[tuple[npt.NDArray[np.int64], Floats]]] = {}
        for part, of_part in zip(parts, gradients, strict=True):
            for (table, read), gradient in zip(part.reads, of_part, strict=True):
                if gradient is not None:
                    # A batch without a token is a step for the table all the same, but of no row.
                    rows = read.token_ids, gradient
                    if read.is_empty:
                        rows = read.token_ids[:0], gradient[:0]
                    by_table.setdefault(table, []).append(rows)
        return {table: _summed(found) for table, found in sorted(by_table.items())}

    def trained_weights(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return everything that training changes, by name, every row of it up to date.

        Tables are the arrays themselves, which the next step changes; the others are copies.
        """
        self.settle()
        return self.trained()

    def trained(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the same, with rows of tables that may have missed steps."""
        weights = self.network.values()
        for table in self.tables:
            if not table.is_frozen:
                weights[table.name] = table.weights
        return weights

    def counts(self) -> dict[str, Any]:
        """Return what `arrays` leaves out of the state that the next step depends on."""
        assert not isinstance(self.optimizer, ServerDenseUpdates)
        return {
            "steps": self.optimizer.step_count,
            "table_steps": {updater.table.name: updater.step for updater in self._local_updaters()},
            "dropout": self.network.masks.generator.bit_generator.state,
        }

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays that the next step depends on: the tables' as they are, others copies.

        Missed steps are not made up: then a training would depend on when it was looked at.
        """
        assert not isinstance(self.optimizer, ServerDenseUpdates)
        found: dict[str, npt.NDArray[Any]] = {}
        for name, value in self.network.values().items():
            found[f"parameter.{name}"] = value
        for name, value in self.optimizer.arrays().items():
            found[f"optimizer.{name}"] = value
        for updater in self._local_updaters():
            for name, value in updater.arrays().items():
                found[f"table.{updater.table.name}.{name}"] = value
        return found

    def begin_again(self, counts: Mapping[str, Any], length: Callable[[str], int]) -> None:
        """Stand where a training stood that `counts` told of; `put_back` must follow.

        Args:
            counts: What it told.
            length: Returns the length of an array of `arrays` by its name.
        """
        for updater in self._local_updaters():
            step = int(counts["table_steps"][updater.table.name])
            name = f"table.{updater.table.name}.{GROWING}"
            updater.begin_again(step, length(name) if GROWING in updater.arrays() else 0)

    def put_back(self, counts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from what `counts` and `arrays` returned; the tables' arrays are in place."""
        assert not isinstance(self.optimizer, ServerDenseUpdates)
        self.network.masks.generator.bit_generator.state = counts["dropout"]
        self.network.load({name: arrays[f"parameter.{name}"] for name in self.network.parameters})
        states = {name: arrays[f"optimizer.{name}"] for name in self.optimizer.arrays()}
        self.optimizer.put_back(int(counts["steps"]), states)

    def _local_updaters(self) -> list[TableUpdater]:
        return [updater for updater in self.updaters if isinstance(updater, TableUpdater)]

    def settle(self) -> None:
        """Bring every row of every table up to date."""
        for updater in self.updaters:
            if updater is not None:
                updater.settle()


def _summed(
    found: Sequence[tuple[npt.NDArray[np.int64], Floats]],
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return distinct ids and the sums of their gradients, from several devices' of both."""
    if len(found) == 1:
        return found[0]
    all_ids = np.concatenate([ids for ids, _ in found])
    ids, places = np.unique(all_ids, return_inverse=True)
    sums = np.zeros((len(ids), found[0][1].shape[1]), dtype=np.float32)
    start = 0
    for device_ids, gradient in found:
        sums[places[start : start + len(device_ids)]] += gradient  # a device's ids are distinct
        start += len(device_ids)
    return ids, sums


def evaluate(
    network: PairNetwork, tables: Sequence[TokenTable], records: PairRecords
) -> MetricSums:
    """Return the metric sums of `records`, without dropout."""
    metrics = MetricSums(network.hyperparameters.is_regression)
    for batch in scoring_batches(records, network.scoring_batch_size()):
        _, sums = network.loss(network.sides_of(tables, batch.in0, batch.in1), batch.labels)
        metrics.add(sums.asnumpy(), len(batch))
    return metrics
