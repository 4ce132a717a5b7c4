"""Updates that the parameter servers make: how hosts train whose steps are asynchronous.

Every host pushes the gradients of a step of its own and takes what the weights then are, whichever
steps of other hosts are in them. The optimizer and its states are at the servers, so gradients of
tables are sent whole.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.hyperparameters import Hyperparameters
from object2vec.network.engine import mx, nd
from object2vec.network.tables import TokenTable
from object2vec.training.dense_updates import optimizer_settings

Floats = npt.NDArray[np.float32]


class Servers:
    """The weights that the servers hold, by name.

    Args:
        kv: The engine's store, `dist_async`.
        weights: All that is trained, the same on every host.
        hyperparameters: Say which optimizer, and its settings.
    """

    def __init__(
        self, kv: Any, weights: Mapping[str, Floats], hyperparameters: Hyperparameters
    ) -> None:
        self._kv = kv
        self._keys = {name: key for key, name in enumerate(weights)}
        for name, values in weights.items():
            kv.init(self._keys[name], nd.array(values))
        # Weights decay and biases do not: the engine tells by the ends of the names.
        kv.set_optimizer(
            mx.optimizer.create(
                hyperparameters.optimizer,
                param_idx2name={key: name for name, key in self._keys.items()},
                **optimizer_settings(hyperparameters),
            )
        )

    def push(self, name: str, gradient: Any) -> None:
        """Send a gradient."""
        self._kv.push(self._keys[name], gradient)

    def pull(self, name: str, out: Any) -> None:
        """Fetch weights into an array of the engine, or several."""
        self._kv.pull(self._keys[name], out=out)


class ServerDenseUpdates:
    """All parameters but the tables, updated by the servers.

    Args:
        servers: Which hold them.
        parameters: The engine's parameters by name.
    """

    def __init__(self, servers: Servers, parameters: Mapping[str, Any]) -> None:
        self._servers = servers
        self._parameters = parameters

    def step(self) -> None:
        """Make one step with the gradients as they are."""
        for name, parameter in self._parameters.items():
            self._servers.push(name, parameter.list_grad())
        for name, parameter in self._parameters.items():
            self._servers.pull(name, parameter.list_data())


class ServerTableUpdater:
    """A table, updated by the servers.

    Args:
        servers: Which hold it.
        table: Its array is written in place.
    """

    def __init__(self, servers: Servers, table: TokenTable) -> None:
        self.table = table
        self._servers = servers
        self._array = nd.zeros(table.weights.shape)

    def read(self, token_ids: npt.NDArray[np.int64]) -> Floats:
        """Return a copy of the rows of distinct ids (U,): (U, E)."""
        return self.table.weights[token_ids]

    def update(self, token_ids: npt.NDArray[np.int64], gradient: Floats) -> None:
        """Make one step with the gradient (U, E) of the rows of distinct ids (U,)."""
        full = np.zeros_like(self.table.weights)
        full[token_ids] = gradient
        self._array[:] = full
        self._servers.push(self.table.name, self._array)
        self._servers.pull(self.table.name, self._array)
        self.table.weights[...] = self._array.asnumpy()

    def settle(self) -> None:
        """Do nothing: the servers leave no step out."""
