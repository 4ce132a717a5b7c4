"""What an epoch is worth: its validation, early stopping, and the best model so far."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.pair_network import PairNetwork
from object2vec.network.restoration import restore
from object2vec.network.tables import TokenTable, table_names
from object2vec.saved_model import ModelWriter, SavedModel
from object2vec.training import events
from object2vec.training.host_remarks import joined_metrics
from object2vec.training.hosts import Hosts
from object2vec.training.learner import evaluate
from object2vec.training.metrics import loss_name
from object2vec.training.run_state import RunState

Weights = Mapping[str, npt.NDArray[np.float32]]


class Judge:
    """Judges the epochs of a job, keeps the model of the best one, and scores it.

    On several hosts every one comes to the same judgement, and the first one writes the model.

    Args:
        hyperparameters: The job's.
        validation: The validation channel's records; None without the channel.
        writer: Writes the model.
        ctx: The device to validate on.
        hosts: The hosts that train together.
        listen: Takes every event.

    Attributes:
        loss_name: The loss by which epochs are judged, with its channel, as logs name it.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        validation: PairRecords | None,
        writer: ModelWriter,
        ctx: Any,
        *,
        hosts: Hosts,
        listen: events.Listener,
    ) -> None:
        self._validation = validation
        self._writer = writer
        self._ctx = ctx
        self._hosts = hosts
        self._listen = listen
        self._loss = loss_name(hyperparameters.is_regression)
        self.loss_name = f"{'train' if validation is None else 'validation'} {self._loss}"
        self._tables = table_names(hyperparameters)
        # Holds the weights an epoch is judged by, while the learner's go on.
        self._network = PairNetwork(hyperparameters, ctx)
        if validation is None:
            listen(
                events.Remark(
                    "WARNING",
                    "There is no validation channel: early stopping and the choice of the best "
                    f"epoch look at {self.loss_name}",
                )
            )

    def validate(self, weights: Weights) -> dict[str, float] | None:
        """Return the validation channel's metrics by these weights; None without the channel.

        Args:
            weights: By name, those of all tables and of the network.
        """
        if self._validation is None:
            return None
        self._network.load(weights)
        tables = [TokenTable(name, weights[name]) for name in self._tables]
        scored = evaluate(self._network, tables, self._validation)
        return joined_metrics(scored, self._hosts).values()

    def loss(self, train: Mapping[str, float], validation: Mapping[str, float] | None) -> float:
        """Return the loss that an epoch is judged by, of its metrics by channel."""
        return (validation or train)[self._loss]

    def judge(self, state: RunState, loss: float, weights: Weights) -> bool:
        """Let early stopping see an epoch's loss, and save its model if it is the best so far.

        Args:
            state: Of the run, at the end of the epoch; its early stopping moves on.
            loss: What `loss` returned.
            weights: What was validated.

        Returns:
            Whether a model was saved: never but on the first host.
        """
        started = time.time()
        epoch = state.epoch
        stopping = state.stopping = state.stopping.after(loss)
        if stopping.was_checked:
            self._listen(
                events.EarlyStoppingChecked(
                    epoch=epoch,
                    window=stopping.window,
                    loss=loss,
                    bad_epochs=stopping.bad_epochs,
                    stops=stopping.stops,
                    started=started,
                    ended=time.time(),
                )
            )
        if stopping.best_epoch != epoch or self._hosts.rank:
            return False
        started = time.time()
        self.save(state, weights)
        self._listen(events.BestModelSaved(epoch, loss, self._writer.folder, started, time.time()))
        return True

    def save(self, state: RunState, weights: Weights) -> None:
        """Write the model, on the first host."""
        if self._hosts.rank == 0:
            self._writer.save(weights, self._told(state))

    def describe(self, state: RunState) -> None:
        """Write what the saved model tells of the run, on the first host."""
        if self._hosts.rank == 0:
            self._writer.describe(self._told(state))

    def score(self, records: PairRecords) -> None:
        """Score the test channel with the model as it was saved."""
        started = time.time()
        network, tables = restore(SavedModel.open(self._writer.folder), self._ctx)
        metrics = evaluate(network, tables, records)
        batches = -(-len(records) // network.scoring_batch_size())
        self._listen(
            events.TestScored(metrics.values(), len(records), batches, started, time.time())
        )

    def _told(self, state: RunState) -> dict[str, Any]:
        """Return what the model folder tells of the training."""
        return {
            "best_epoch": state.stopping.best_epoch,
            "best_loss": state.stopping.best_loss,
            "loss": self.loss_name,
            "epochs": state.history,
        }
