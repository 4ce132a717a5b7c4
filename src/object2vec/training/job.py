"""The whole training job: channels in, epochs, a saved model out, the test channel scored.

What happens is told as events; how that is logged is the listener's affair.
"""

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from object2vec.data.batches import Epoch, PairBatch
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.network import engine
from object2vec.network.initial_values import initial_weights, new_tables, output_prior
from object2vec.network.pair_network import PairNetwork
from object2vec.saved_model import ModelWriter
from object2vec.training import events
from object2vec.training.averaging import SNAPSHOTS, WeightAverage
from object2vec.training.channels import Channels, JobInput, read_input
from object2vec.training.checkpoints import Checkpoints
from object2vec.training.division import Division
from object2vec.training.early_stopping import EarlyStopping
from object2vec.training.host_remarks import joined_metrics, remark_on_division, remark_on_hosts
from object2vec.training.host_store import open_store
from object2vec.training.hosts import Hosts, SingleHost, choose_store, sums_over
from object2vec.training.judge import Judge, Weights
from object2vec.training.keeping import Keeping
from object2vec.training.learner import Learner
from object2vec.training.metrics import MetricSums
from object2vec.training.run_state import RunState
from object2vec.training.stop import Stop, StopRequested

PROGRESS_INTERVAL = 100  # batches, as in the original


def run_job(
    hyperparameters: Hyperparameters,
    channels: Channels,
    model_folder: Path,
    listen: events.Listener,
    hosts: Hosts = SingleHost(),  # noqa: B008 (frozen)
    *,
    checkpoints: Checkpoints | None = None,
    stop: Stop = Stop(),  # noqa: B008 (without state)
) -> None:
    """Train, save the best epoch's model, and score the test channel with what was saved.

    With several hosts, every one trains on its part and comes to the same weights, metrics and
    decisions; the first one writes the model and scores the test channel.

    Args:
        hyperparameters: What to train, and how.
        channels: Where the data is.
        model_folder: Where the model goes; it holds the best model so far from the first epoch on.
        listen: Takes every event.
        hosts: The hosts that train together; every one must call this.
        checkpoints: Where the training's state is kept, and gone on from; None for nowhere.
        stop: Says when to end early.

    Raises:
        ClientError: The data is not as it must be, or the training diverged, or a checkpoint is of
            another training.
        PlatformError: A file cannot be read.
        StopRequested: The training ended early; its state is kept if there is a place for it.
        OSError: The model folder cannot be written.
    """
    started = time.time()
    for note in hyperparameters.notes:
        listen(events.Remark(note.level, note.message))
    keeping = Keeping(checkpoints, hosts, listen) if checkpoints else None
    if hyperparameters.seed is None and keeping and keeping.seed is not None:
        hyperparameters = replace(hyperparameters, seed=keeping.seed)
    if hyperparameters.seed is None:
        seed = hosts.gather(secrets.randbelow(2**31))[0]
        hyperparameters = replace(hyperparameters, seed=seed)
        listen(
            events.Remark("INFO", f"No seed was given; this job's is seed={hyperparameters.seed}")
        )
    if len(hosts.names) > 1:
        remark_on_hosts(hyperparameters, channels, listen, hosts)
    data = read_input(hyperparameters, channels, listen, hosts)
    job = _Job(hyperparameters, data, model_folder, listen, hosts, keeping=keeping, stop=stop)
    listen(events.TrainingBegan(hyperparameters.epochs, started, time.time()))
    judge = job.train()
    if data.test is not None and len(data.test):
        judge.score(data.test)


class _Job:
    """One job between reading its input and its end."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        data: JobInput,
        model_folder: Path,
        listen: events.Listener,
        hosts: Hosts,
        *,
        keeping: Keeping | None,
        stop: Stop,
    ) -> None:
        self._hosts = hosts
        self._stop = stop
        self._hyperparameters = hyperparameters
        self._listen = listen
        several = len(hosts.names) > 1
        # The same on every host, so that all begin with the same weights.
        generator = np.random.default_rng(hyperparameters.seed)
        dropout_seed = int(generator.integers(2**31)) + hosts.rank
        # A device without a record would have no gradient.
        contexts = engine.devices(hyperparameters.num_gpus)[: hyperparameters.mini_batch_size]
        network = PairNetwork(hyperparameters, contexts)
        network.seed(dropout_seed)
        prior = output_prior(
            data.train.labels, hyperparameters, lambda totals: sums_over(hosts, totals)
        )
        network.load(initial_weights(network.shapes, prior, generator))
        tables = new_tables(hyperparameters, data.vectors, generator)
        kind = choose_store(hyperparameters) if several else None
        store = open_store(hosts, kind) if kind else None
        self._learner = Learner(network, tables, hyperparameters, store)
        division = Division.of(data.train, hosts, hyperparameters, kind == "dist_async")
        if several:
            remark_on_division(division, hosts, listen)
            generator = np.random.default_rng([hyperparameters.seed or 0, hosts.rank])
        self._generator = generator
        self._batches = division.batches(data.train, hosts, hyperparameters, generator)
        self._state = RunState(
            MetricSums(hyperparameters.is_regression),
            EarlyStopping(
                hyperparameters.early_stopping_patience, hyperparameters.early_stopping_tolerance
            ),
            generator.bit_generator.state,
        )
        self._average: WeightAverage | None = None
        # The mean of the weights so far, and over how many: of an epoch that was begun before.
        self._begun_mean: tuple[dict[str, npt.NDArray[np.float32]], int] = ({}, 0)
        listen(
            events.NetworkBuilt(
                network.shapes,
                {table.name: table.weights.shape for table in tables},
                ", ".join(str(ctx) for ctx in contexts),
            )
        )
        writer = ModelWriter(model_folder, hyperparameters, data.vocabularies)
        self._judge = Judge(
            hyperparameters, data.validation, writer, contexts[0], hosts=hosts, listen=listen
        )
        self._keeping = keeping
        if keeping is not None:
            keeping.begin(hyperparameters, data.train, is_async=kind == "dist_async")
            self._go_on()

    def train(self) -> Judge:
        """Run the epochs; the best model so far is in the model folder after every one.

        Returns:
            Who can score what was saved.
        """
        epochs, state = self._hyperparameters.epochs, self._state
        while state.epoch < epochs and not state.stopping.stops:
            self._run_epoch()
        started = time.time()
        self._judge.describe(state)
        self._listen(
            events.TrainingEnded(
                epochs_run=len(state.history),
                stopped_early=len(state.history) < epochs,
                best_epoch=state.stopping.best_epoch,
                best_loss=state.stopping.best_loss,
                loss_name=self._judge.loss_name,
                started=started,
                ended=time.time(),
            )
        )
        return self._judge

    def _run_epoch(self) -> None:
        started = time.time()
        state = self._state
        epoch = state.epoch
        # The same, unless the epoch goes on from a checkpoint.
        self._generator.bit_generator.state = state.order
        batches = self._batches.epoch()
        snapshots = SNAPSHOTS if self._hyperparameters.weight_averaging else 1
        average = WeightAverage(self._learner, len(batches), snapshots, *self._begun_mean)
        self._average, self._begun_mean = average, ({}, 0)
        with self._stop.deferred():
            self._learn(batches, average)
        try:
            if not average.is_finite:
                raise self._divergence(epoch, len(batches) - 1, "a weight", math.nan)
            weights = self._with_frozen(average.values)
            validation = self._judge.validate(weights)
        except StopRequested:
            with self._stop.deferred():
                self._keep()
            raise
        with self._stop.deferred():
            metrics = joined_metrics(state.metrics, self._hosts)
            seconds = max(self._hosts.gather(state.seconds))
            train = metrics.values()
            loss = self._judge.loss(train, validation)
            if not math.isfinite(loss):
                raise self._divergence(epoch, len(batches), f"the {self._judge.loss_name}", loss)
            state.history.append({"epoch": epoch, "train": train, "validation": validation})
            self._listen(
                events.EpochEnded(
                    epoch=epoch,
                    epochs=self._hyperparameters.epochs,
                    train=train,
                    validation=validation,
                    batches=len(batches),
                    records=metrics.records,
                    records_per_second=metrics.records / seconds,
                    started=started,
                    ended=time.time(),
                )
            )
            is_best = self._judge.judge(state, loss, weights)
            if self._keeping is not None and is_best:
                self._keeping.keep_best(epoch, average.values)
            state.begin_epoch(self._generator.bit_generator.state)
            self._average = None
            self._keep()

    def _learn(self, batches: Epoch | Sequence[PairBatch], average: WeightAverage) -> None:
        """Learn what the epoch has left, or until a stop is asked for."""
        state, metrics = self._state, self._state.metrics
        started = last = time.perf_counter()
        before, last_records = state.seconds, metrics.records
        for batch, sums in self._learner.learn_all(batches[state.batches :]):
            if batch.weight:
                metrics.add(sums, len(batch))
            number = state.batches + 1
            if not np.isfinite(metrics.sums).all():
                raise self._divergence(state.epoch, number - 1, "the loss", float(metrics.sums[0]))
            average.after(number)
            now = time.perf_counter()
            state.batches, state.seconds = number, before + now - started
            if number % PROGRESS_INTERVAL == 0:
                self._listen(
                    events.Progress(
                        epoch=state.epoch,
                        batches=number,
                        epoch_batches=len(batches),
                        records=metrics.records,
                        records_per_second=(metrics.records - last_records) / (now - last),
                        seconds=state.seconds,
                        metrics=metrics.values(),
                    )
                )
                last, last_records = now, metrics.records
            is_stopped = self._stop.is_requested
            if is_stopped or (self._keeping is not None and self._keeping.is_due(number)):
                self._keep()
            if is_stopped:
                return

    def _keep(self) -> None:
        """Keep the training's state as it is, where there is a place for it."""
        if self._keeping is not None:
            self._keeping.keep(self._state, self._learner, self._average)

    def _go_on(self) -> None:
        """Stand where the checkpoint stands that this job begins from, if there is one."""
        assert self._keeping is not None
        found = self._keeping.restore(self._hyperparameters, self._learner)
        if found is None:
            return
        self._state, mean, taken, best = found
        self._begun_mean = (mean, taken)
        if best is not None:
            self._judge.save(self._state, self._with_frozen(best))

    def _with_frozen(self, trained: Weights) -> Weights:
        """Return all weights that an epoch is judged and kept by, frozen tables among them."""
        frozen = {table.name: table.weights for table in self._learner.tables if table.is_frozen}
        return {**frozen, **trained}

    def _divergence(self, epoch: int, batch: int, what: str, value: float) -> ClientError:
        hyperparameters = self._hyperparameters
        return ClientError(
            f"Training diverged: {what} became {value} in epoch {epoch}, batch {batch}, with "
            f"learning_rate={hyperparameters.learning_rate:g} and optimizer="
            f"{hyperparameters.optimizer}. Try a learning_rate ten times smaller"
            + (", or labels of a smaller scale." if hyperparameters.is_regression else ".")
        )
