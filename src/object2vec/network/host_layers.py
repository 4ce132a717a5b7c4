"""The layers after the first and the loss, by NumPy: how the CPU trains them.

The same mathematics as `comparator`. These are small next to the first layer, and what the engine
takes to begin an operation and to note it on its tape is more than the operation itself.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from object2vec.network.blocks import product
from object2vec.network.comparator import Scorer
from object2vec.network.dropout import DropoutMasks
from object2vec.network.engine import host_view

Floats: TypeAlias = npt.NDArray[np.float32]


class HostLayers:
    """One batch's way from the first layer's outputs to the loss.

    Args:
        scorer: Whose layers these are.
        outputs: What the first layer makes of N comparisons, (N, H), before its activation.
        masks: Dropout.

    Attributes:
        scores: Logits (N, classes), or predictions (N, 1).
    """

    def __init__(self, scorer: Scorer, outputs: Floats, masks: DropoutMasks) -> None:
        self._activation = scorer.activation
        self._layers = scorer.dense_layers[1:]
        self._activated: list[Floats] = []
        self._masks: list[Floats | None] = []
        self._inputs: list[Floats] = []
        for layer in self._layers:
            activated = _activate(self._activation, outputs)  # (N, I)
            mask = masks.draw(activated.shape)  # (N, I)
            self._activated.append(activated)
            self._masks.append(mask)
            self._inputs.append(activated if mask is None else activated * mask)
            outputs = product(self._inputs[-1], host_view(layer.weight.data()).T)  # (N, O)
            outputs += host_view(layer.bias.data())
        self.scores = outputs

    def backward(self, of_scores: Floats) -> Floats:
        """Return the gradient of the first layer's outputs (N, H), and write those of the layers.

        Args:
            of_scores: The gradient of the scores, of their shape.
        """
        gradient = of_scores
        for layer, activated, mask, inputs in zip(
            reversed(self._layers),
            reversed(self._activated),
            reversed(self._masks),
            reversed(self._inputs),
            strict=True,
        ):
            gradient.sum(axis=0, out=host_view(layer.bias.grad()))
            product(gradient.T, inputs, out=host_view(layer.weight.grad()))  # (O, I)
            gradient = product(gradient, host_view(layer.weight.data()))  # (N, I)
            if mask is not None:
                gradient *= mask
            _differentiate(self._activation, activated, gradient)
        return gradient


def score_loss(
    scores: Floats, labels: npt.NDArray[Any], *, is_regression: bool
) -> tuple[Floats, Floats]:
    """Return the metric sums (2,), and the gradient of the mean loss by the scores.

    As `comparator.Objective`: cross-entropy and correct answers, or squared and absolute errors.

    Args:
        scores: Logits (N, classes), or predictions (N, 1).
        labels: (N,).
        is_regression: Which of both the scores are.
    """
    if is_regression:
        errors = scores[:, 0] - labels  # (N,)
        sums = np.array([np.square(errors).sum(), np.abs(errors).sum()], dtype=np.float32)
        return sums, (errors / np.float32(len(errors)))[:, None]
    places = np.arange(len(labels)), labels.astype(np.int64)
    shifted = scores - scores.max(axis=1, keepdims=True)  # (N, classes)
    powers = np.exp(shifted)
    totals = powers.sum(axis=1, keepdims=True)  # (N, 1)
    losses = np.log(totals[:, 0]) - shifted[places]  # (N,)
    correct = scores.argmax(axis=1) == places[1]
    gradient = powers / totals
    gradient[places] -= 1
    gradient /= np.float32(len(labels))
    return np.array([losses.sum(), correct.sum()], dtype=np.float32), gradient


def _activate(activation: str, values: Floats) -> Floats:
    if activation == "linear":
        return values
    return np.tanh(values) if activation == "tanh" else np.maximum(values, 0)


def _differentiate(activation: str, activated: Floats, gradient: Floats) -> None:
    """Make the gradient of an activation's values that of what went into it, in place."""
    if activation == "tanh":
        gradient *= 1 - activated * activated
    elif activation == "relu":
        gradient *= activated > 0
