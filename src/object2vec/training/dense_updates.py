"""Updates of the parameters that every batch touches: all but the token tables.

On one CPU the parameters and their gradients are updated in place by the same rules as the tables,
on all processors; the engine's own optimizers take about twice as long there. On GPUs, on several
devices and over several hosts the engine's trainer updates them, through its key-value store.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from object2vec.hyperparameters import Hyperparameters
from object2vec.network.blocks import BLOCK_ELEMENTS, for_blocks
from object2vec.network.engine import gluon, host_view, mx
from object2vec.training.update_rules import make_rule

Floats = npt.NDArray[np.float32]


class DenseUpdates(Protocol):
    """The optimizer of all parameters but the tables."""

    def gradient(self) -> Floats:
        """Return the gradients of a step, summed over this host's devices, end to end: (n,)."""

    def set_gradient(self, flat: Floats) -> None:
        """Put other gradients (n,) in their place, on all devices."""

    def step(self) -> None:
        """Make one step with the gradients as they are."""

    @property
    def step_count(self) -> int:
        """Steps made so far."""

    def arrays(self) -> dict[str, Floats]:
        """Return the optimizer's state, to be kept; some are copies."""

    def put_back(self, step_count: int, arrays: Mapping[str, Floats]) -> None:
        """Stand where so many steps were made, with a state that `arrays` returned."""


def decays(name: str) -> bool:
    """Return whether weight decay concerns a parameter: weights decay, biases do not.

    So the original's engine has it.
    """
    return not name.endswith("bias")


class HostUpdates:
    """The optimizer of parameters on one CPU.

    Args:
        parameters: The engine's parameters by name.
        hyperparameters: Say which optimizer, its learning rate and weight decay.

    Attributes:
        states: The optimizer's arrays of every parameter.
    """

    def __init__(self, parameters: Mapping[str, Any], hyperparameters: Hyperparameters) -> None:
        self._parameters = parameters
        self._rules = {
            is_decayed: make_rule(
                hyperparameters.optimizer,
                hyperparameters.learning_rate,
                hyperparameters.weight_decay if is_decayed else 0.0,
            )
            for is_decayed in (False, True)
        }
        self._step_count = 0
        self.states: dict[str, tuple[Floats, ...]] = {
            name: tuple(
                np.zeros(parameter.shape, dtype=np.float32)
                for _ in range(self._rules[True].state_count)
            )
            for name, parameter in parameters.items()
        }

    def gradient(self) -> Floats:  # noqa: D102
        parts = [host_view(parameter.grad()).ravel() for parameter in self._parameters.values()]
        return np.concatenate(parts)

    def set_gradient(self, flat: Floats) -> None:  # noqa: D102
        parameters = list(self._parameters.values())
        for parameter, part in zip(parameters, _parts(flat, parameters), strict=True):
            host_view(parameter.grad())[...] = part

    def step(self) -> None:  # noqa: D102
        self._step_count += 1
        for rule in self._rules.values():
            rule.begin_step(self._step_count)
        for name, parameter in self._parameters.items():
            self._update(
                name,
                host_view(parameter.data()).reshape(-1),
                host_view(parameter.grad()).reshape(-1),
            )

    @property
    def step_count(self) -> int:  # noqa: D102
        return self._step_count

    def arrays(self) -> dict[str, Floats]:  # noqa: D102
        return {
            f"{name}.{number}": state
            for name, states in self.states.items()
            for number, state in enumerate(states)
        }

    def put_back(self, step_count: int, arrays: Mapping[str, Floats]) -> None:  # noqa: D102
        self._step_count = step_count
        for name, state in self.arrays().items():
            state[...] = arrays[name]

    def _update(self, name: str, weights: Floats, gradient: Floats) -> None:
        rule = self._rules[decays(name)]
        states = [state.reshape(-1) for state in self.states[name]]

        def update(block: slice) -> None:
            rule.apply(weights[block], gradient[block], [state[block] for state in states])

        for_blocks(len(weights), BLOCK_ELEMENTS, update)


class DeviceUpdates:
    """The optimizer of parameters that several devices hold, or a GPU: the engine's own.

    The devices' gradients are summed by the engine's key-value store.

    Args:
        parameters: The engine's parameters by name.
        hyperparameters: Say which optimizer, its settings, and which store.
        contexts: The devices.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        hyperparameters: Hyperparameters,
        contexts: Sequence[Any],
    ) -> None:
        self._names = list(parameters)
        self._parameters = list(parameters.values())
        self._contexts = contexts
        set_decay(parameters)
        kvstore = mx.kv.create(local_store(hyperparameters.kvstore)) if len(contexts) > 1 else None
        self._trainer = gluon.Trainer(
            self._parameters,
            hyperparameters.optimizer,
            optimizer_settings(hyperparameters),
            kvstore=kvstore,
            update_on_kvstore=False if kvstore else None,
        )
        self._is_summed = False

    def _sum_over_devices(self) -> None:
        if len(self._contexts) > 1 and not self._is_summed:
            self._trainer.allreduce_grads()
        self._is_summed = True

    def gradient(self) -> Floats:  # noqa: D102
        self._sum_over_devices()
        first = self._contexts[0]
        parts = [parameter.grad(first).asnumpy().ravel() for parameter in self._parameters]
        return np.concatenate(parts)

    def set_gradient(self, flat: Floats) -> None:  # noqa: D102
        for parameter, part in zip(self._parameters, _parts(flat, self._parameters), strict=True):
            for gradient in parameter.list_grad():
                gradient[:] = part

    def step(self) -> None:  # noqa: D102
        self._sum_over_devices()
        self._is_summed = False
        if len(self._contexts) > 1:
            self._trainer.update(1, ignore_stale_grad=True)
        else:
            self._trainer.step(1, ignore_stale_grad=True)

    @property
    def step_count(self) -> int:  # noqa: D102
        counts = self._trainer.optimizer._index_update_count
        return int(max(counts.values(), default=0))

    def arrays(self) -> dict[str, Floats]:  # noqa: D102
        return {
            f"{name}.{number}": state.asnumpy()
            for index, name in enumerate(self._names)
            for number, state in enumerate(self._states(index, 0))
        }

    def put_back(self, step_count: int, arrays: Mapping[str, Floats]) -> None:  # noqa: D102
        optimizer = self._trainer.optimizer
        counts = dict.fromkeys(range(len(self._names)), step_count)
        for device, context in enumerate(self._contexts):
            if step_count:
                optimizer._set_current_context(context.device_id)
                optimizer._index_update_count.update(counts)
            for index, name in enumerate(self._names):
                for number, state in enumerate(self._states(index, device)):
                    state[:] = arrays[f"{name}.{number}"]
        optimizer.num_update = step_count

    def _states(self, index: int, device: int) -> tuple[Any, ...]:
        """Return a parameter's arrays on a device, which the engine makes at the first step."""
        updater = self._trainer._updaters[device]
        if index not in updater.states:
            weight = self._parameters[index].data(self._contexts[device])
            made = updater.optimizer.create_state_multi_precision(index, weight)
            updater.states[index], updater.states_synced[index] = made, True
        found = updater.states[index]
        if found is None:
            return ()
        return tuple(found) if isinstance(found, tuple | list) else (found,)


def _parts(flat: Floats, parameters: Sequence[Any]) -> Iterator[Floats]:
    """Yield the part of every parameter, in its shape, of an array of all end to end, (n,)."""
    start = 0
    for parameter in parameters:
        size = int(np.prod(parameter.shape))
        yield flat[start : start + size].reshape(parameter.shape)
        start += size


def local_store(kvstore: str) -> str:
    """Return the engine's store that sums the gradients of one host's devices."""
    if "nccl" in kvstore:
        return "nccl"
    return "local" if kvstore in ("auto_cpu", "local") else "device"


def optimizer_settings(hyperparameters: Hyperparameters) -> dict[str, float]:
    """Return what the engine's optimizers are made with."""
    return {"learning_rate": hyperparameters.learning_rate, "wd": hyperparameters.weight_decay}


def set_decay(parameters: Mapping[str, Any]) -> None:
    """Tell the engine which parameters weight decay concerns."""
    for name, parameter in parameters.items():
        parameter.wd_mult = float(decays(name))


def make_dense_updates(
    parameters: Mapping[str, Any], hyperparameters: Hyperparameters, contexts: Sequence[Any]
) -> DenseUpdates:
    """Return the optimizer for parameters on these devices."""
    if len(contexts) == 1 and contexts[0].device_type == "cpu":
        return HostUpdates(parameters, hyperparameters)
    return DeviceUpdates(parameters, hyperparameters, contexts)
