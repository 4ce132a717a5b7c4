"""Updates of the parameters that every batch touches: all but the token tables.

On one CPU the parameters and their gradients are updated in place by the same rules as the tables,
on all processors; the engine's own optimizers take about twice as long there. On GPUs, on several
devices and over several hosts the engine's trainer updates them, through its key-value store.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.hyperparameters import Hyperparameters
from object2vec.network.blocks import BLOCK_ELEMENTS, for_blocks
from object2vec.network.engine import host_view
from object2vec.training.update_rules import make_rule

Floats = npt.NDArray[np.float32]


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
        step_count: Steps made so far.
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
        self.step_count = 0
        self.states: dict[str, tuple[Floats, ...]] = {
            name: tuple(
                np.zeros(parameter.shape, dtype=np.float32)
                for _ in range(self._rules[True].state_count)
            )
            for name, parameter in parameters.items()
        }

    def step(self) -> None:
        """Make one step with the gradients as they are."""
        self.step_count += 1
        for rule in self._rules.values():
            rule.begin_step(self.step_count)
        for name, parameter in self._parameters.items():
            self._update(
                name,
                host_view(parameter.data()).reshape(-1),
                host_view(parameter.grad()).reshape(-1),
            )

    def _update(self, name: str, weights: Floats, gradient: Floats) -> None:
        rule = self._rules[decays(name)]
        states = [state.reshape(-1) for state in self.states[name]]

        def update(block: slice) -> None:
            rule.apply(weights[block], gradient[block], [state[block] for state in states])

        for_blocks(len(weights), BLOCK_ELEMENTS, update)
