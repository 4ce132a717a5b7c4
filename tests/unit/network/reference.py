"""The network's mathematics as plain loops in double precision, written from its description.

Nothing here is taken from the package: the tests hold the engine's results against it, and its
finite differences against the engine's gradients. Records are lists of ids, one at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from object2vec.hyperparameters import Hyperparameters

Vector = np.ndarray


def without_outer_padding(ids: Sequence[int], padding_id: int | None) -> list[int]:
    """Padding at either end is no part of a sequence; between tokens it is."""
    kept = list(ids)
    while kept and kept[0] == padding_id:
        kept = kept[1:]
    while kept and kept[-1] == padding_id:
        kept = kept[:-1]
    return kept


def embeddings(table: np.ndarray, ids: Sequence[int], padding_id: int | None) -> list[Vector]:
    """One vector a position; a padding id reads zero."""
    zero = np.zeros(table.shape[1])
    return [zero if token == padding_id else table[token] for token in ids]


def pooled_embedding(table: np.ndarray, ids: Sequence[int], padding_id: int | None) -> Vector:
    total, count = np.zeros(table.shape[1]), 0
    for token in ids:
        if token != padding_id:
            total = total + table[token]
            count += 1
    return total / max(count, 1)


def convolve_same(inputs: Sequence[Vector], weight: np.ndarray, bias: Vector) -> list[Vector]:
    """Cross-correlation of kept length: (width - 1) // 2 zeros on the left, the rest on the right.

    `weight` is (filters, inputs, width); inputs outside of the sequence are zero.
    """
    width = weight.shape[2]
    outputs = []
    for position in range(len(inputs)):
        output = bias.copy()
        for tap in range(width):
            source = position - (width - 1) // 2 + tap
            if 0 <= source < len(inputs):
                output = output + weight[:, :, tap] @ inputs[source]
        outputs.append(output)
    return outputs


def hcnn(
    table: np.ndarray,
    ids: Sequence[int],
    padding_id: int | None,
    convolutions: Sequence[tuple[np.ndarray, Vector]],
) -> Vector:
    """Every layer's maxima over the tokens, layer after layer."""
    is_token = [token != padding_id for token in ids]
    states = embeddings(table, ids, padding_id)
    maxima = []
    for weight, bias in convolutions:
        states = [np.maximum(state, 0.0) for state in convolve_same(states, weight, bias)]
        states = [
            state if kept else np.zeros_like(state)
            for state, kept in zip(states, is_token, strict=True)
        ]
        maxima.append(_maximum(states, is_token, len(bias)))
    return np.concatenate(maxima)


def _maximum(states: Sequence[Vector], is_token: Sequence[bool], width: int) -> Vector:
    kept = [state for state, token in zip(states, is_token, strict=True) if token]
    return np.max(kept, axis=0) if kept else np.zeros(width)


def _sigmoid(values: Vector) -> Vector:
    return 1.0 / (1.0 + np.exp(-values))


def lstm(inputs: Sequence[Vector], weights: Mapping[str, np.ndarray]) -> list[Vector]:
    """Hidden states from a zero state; the gates stand in the order input, forget, cell, output."""
    units = weights["h2h_weight"].shape[1]
    hidden, cell = np.zeros(units), np.zeros(units)
    outputs = []
    for value in inputs:
        gates = (
            weights["i2h_weight"] @ value
            + weights["i2h_bias"]
            + weights["h2h_weight"] @ hidden
            + weights["h2h_bias"]
        )
        taken, kept, candidate, shown = np.split(gates, 4)
        cell = _sigmoid(kept) * cell + _sigmoid(taken) * np.tanh(candidate)
        hidden = _sigmoid(shown) * np.tanh(cell)
        outputs.append(hidden)
    return outputs


def bilstm(
    table: np.ndarray,
    ids: Sequence[int],
    padding_id: int | None,
    layers: Sequence[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]],
) -> Vector:
    """Maxima over the tokens of the last layer; backward begins at the sequence's last token."""
    ids = without_outer_padding(ids, padding_id)
    states = embeddings(table, ids, padding_id)
    width = 0
    for forward, backward in layers:
        width = 2 * forward["h2h_weight"].shape[1]
        ahead = lstm(states, forward)
        behind = lstm(states[::-1], backward)[::-1]
        states = [np.concatenate(pair) for pair in zip(ahead, behind, strict=True)]
    return _maximum(states, [token != padding_id for token in ids], width)


def compare(left: Vector, right: Vector, operators: Sequence[str]) -> Vector:
    results = {
        "hadamard": left * right,
        "concat": np.concatenate([left, right]),
        "abs_diff": np.abs(left - right),
    }
    return np.concatenate([results[name] for name in operators])


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0.0),
    "linear": lambda values: values,
}


def softmax(outputs: Vector) -> Vector:
    powers = np.exp(outputs - outputs.max())
    return powers / powers.sum()


@dataclass
class ReferenceNetwork:
    """A whole network by its hyperparameters, its tables and its parameters by name."""

    hyperparameters: Hyperparameters
    tables: list[np.ndarray]
    parameters: dict[str, np.ndarray]

    @classmethod
    def of(
        cls, hyperparameters: Hyperparameters, tables: Sequence[Any], parameters: Mapping[str, Any]
    ) -> "ReferenceNetwork":
        """Take copies in double precision."""
        return cls(
            hyperparameters,
            [np.array(table, dtype=np.float64) for table in tables],
            {name: np.array(value, dtype=np.float64) for name, value in parameters.items()},
        )

    def encode(self, side: int, ids: Sequence[int]) -> Vector:
        encoder = self.hyperparameters.encoders[side]
        prefix = ("source_", "target_")[side]
        table = self.tables[0 if self.hyperparameters.tied_token_embedding_weight else side]
        padding_id = self.hyperparameters.padding_id
        if encoder.network == "pooled_embedding":
            return pooled_embedding(table, ids, padding_id)
        if encoder.network == "hcnn":
            convolutions = [
                (
                    self.parameters[f"{prefix}conv{layer}_weight"],
                    self.parameters[f"{prefix}conv{layer}_bias"],
                )
                for layer in range(encoder.layers)
            ]
            return hcnn(table, ids, padding_id, convolutions)
        names = ("i2h_weight", "i2h_bias", "h2h_weight", "h2h_bias")
        layers = [
            tuple(
                {name: self.parameters[f"{prefix}lstm{layer}_{way}_{name}"] for name in names}
                for way in ("forward", "backward")
            )
            for layer in range(encoder.layers)
        ]
        return bilstm(table, ids, padding_id, layers)

    def outputs(self, left: Vector, right: Vector) -> Vector:
        """Logits, or the one prediction, of two encodings."""
        activation = ACTIVATIONS[self.hyperparameters.mlp_activation]
        states = compare(left, right, self.hyperparameters.comparator_list)
        for layer in range(self.hyperparameters.mlp_layers):
            weight = self.parameters[f"mlp_fc{layer}_weight"]
            states = activation(weight @ states + self.parameters[f"mlp_fc{layer}_bias"])
        return (
            self.parameters["output_layer_weight"] @ states + self.parameters["output_layer_bias"]
        )

    def scores(self, in0: Sequence[int], in1: Sequence[int]) -> Vector:
        outputs = self.outputs(self.encode(0, in0), self.encode(1, in1))
        return outputs if self.hyperparameters.is_regression else softmax(outputs)

    def record_loss(self, in0: Sequence[int], in1: Sequence[int], label: float) -> float:
        """Cross-entropy, or half the squared error."""
        scores = self.scores(in0, in1)
        if self.hyperparameters.is_regression:
            return float((scores[0] - label) ** 2 / 2)
        return float(-np.log(scores[int(label)]))

    def loss(
        self, in0: Sequence[Sequence[int]], in1: Sequence[Sequence[int]], labels: Sequence[float]
    ) -> float:
        """The mean over the records."""
        losses = [
            self.record_loss(left, right, label)
            for left, right, label in zip(in0, in1, labels, strict=True)
        ]
        return sum(losses) / len(losses)

    def slope(
        self,
        in0: Sequence[Sequence[int]],
        in1: Sequence[Sequence[int]],
        labels: Sequence[float],
        array: np.ndarray,
        place: tuple[int, ...],
    ) -> float:
        """Central difference of the mean loss by one element of one of the own arrays."""
        step, kept = 1e-6, array[place]
        array[place] = kept + step
        above = self.loss(in0, in1, labels)
        array[place] = kept - step
        below = self.loss(in0, in1, labels)
        array[place] = kept
        return (above - below) / (2 * step)
