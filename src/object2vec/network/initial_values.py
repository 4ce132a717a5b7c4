"""What a training begins with: weights, tables, and outputs that say what is known beforehand.

Weights are uniform with variance 1 / fan-in, so that a layer hands on the scale of its input (LeCun
et al. 1998). The output layer begins as the best constant answer: its weights at 0 after hidden
layers, its bias at the labels' mean, or at the logarithm of the classes' shares. So no step is
spent on learning that, and the first steps' noise is not the outputs'. Where both sides have the
same shape they begin with the same numbers, though they share none: two random projections that
have nothing to do with each other make |e0 - e1| and e0 * e1 say nothing, and few data cannot bring
them together. docs/quality.md says what was tried.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from object2vec.data.vectors import TokenVectors
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.pair_network import SIDE_PREFIXES
from object2vec.network.tables import TokenTable, table_names

# Rows begin small beside what training makes of them, so that objects are told apart by what was
# learnt of them, not by where they began.
TABLE_SCALE = 0.01

OUTPUT_WEIGHT = "output_layer_weight"
OUTPUT_BIAS = "output_layer_bias"


def initial_weights(
    shapes: Mapping[str, tuple[int, ...]],
    prior: npt.NDArray[np.float32],
    generator: np.random.Generator,
) -> dict[str, npt.NDArray[np.float32]]:
    """Return values for all parameters but the tables.

    Args:
        shapes: Name to shape; names that end in `bias` begin at 0.
        prior: The output layer's bias, from `output_prior`.
        generator: Where the draws come from.
    """
    # Without a hidden layer, weights of 0 are a place that training does not leave: the gradients
    # of the tables are multiples of the weights, and those of the weights products of small rows.
    has_hidden_layer = any(name.startswith("mlp_fc") for name in shapes)
    values = {}
    for name, shape in shapes.items():
        value = np.zeros(shape, dtype=np.float32)
        if name == OUTPUT_BIAS:
            value[:] = prior
        elif not name.endswith("bias") and not (name == OUTPUT_WEIGHT and has_hidden_layer):
            bound = (3 / np.prod(shape[1:])) ** 0.5
            value = generator.uniform(-bound, bound, shape).astype(np.float32)
        values[name] = value
    first, second = SIDE_PREFIXES
    for name, shape in shapes.items():
        twin = first + name.removeprefix(second)
        if name.startswith(second) and shapes.get(twin) == shape:
            values[name] = values[twin].copy()
    return values


def output_prior(
    labels: npt.NDArray[np.float32],
    hyperparameters: Hyperparameters,
    join: Callable[[list[float]], list[float]] = lambda totals: totals,
) -> npt.NDArray[np.float32]:
    """Return the outputs of the best constant answer to the train records, shape (K,).

    Args:
        labels: The train records' labels, shape (N,); made negatives come to them, with label 0.
        hyperparameters: Say what is predicted, and how many negatives are made.
        join: Takes totals of these records and returns those of all hosts' records.
    """
    records_of_one = 1 + hyperparameters.negative_sampling_rate
    if hyperparameters.is_regression:
        total, count = join([float(labels.sum(dtype=np.float64)), len(labels)])
        return np.array([total / (count * records_of_one)], dtype=np.float32)
    own_counts = np.bincount(labels.astype(np.int64), minlength=hyperparameters.num_classes)
    counts = np.array(join(own_counts.tolist()))
    records = counts.sum() * records_of_one
    counts[0] += records - counts.sum()
    # One more of each class than was seen: a class without a record is unlikely, not impossible.
    return np.log((counts + 1) / (records + len(counts))).astype(np.float32)


def new_tables(
    hyperparameters: Hyperparameters,
    vectors: tuple[TokenVectors | None, TokenVectors | None],
    generator: np.random.Generator,
) -> tuple[TokenTable, ...]:
    """Return the tables a training begins with.

    Rows are uniform in +-TABLE_SCALE, and the same in two tables of one shape; pretrained vectors
    replace the rows of their tokens. A tied table takes the vectors of both sides, side 1 over
    side 0, and is frozen when a side that brought vectors is.
    """
    names = table_names(hyperparameters)
    drawn: list[npt.NDArray[np.float32]] = []
    for encoder in hyperparameters.encoders[: len(names)]:
        shape = (encoder.vocab_size, encoder.token_embedding_dim)
        drawn.append(
            drawn[0].copy() if drawn and drawn[0].shape == shape else _draw_rows(shape, generator)
        )
    tables = []
    for number, (name, weights) in enumerate(zip(names, drawn, strict=True)):
        is_frozen = False
        for side in (0, 1) if len(names) == 1 else (number,):
            side_vectors = vectors[side]
            if side_vectors is not None:
                weights[side_vectors.ids] = side_vectors.vectors
                is_frozen |= hyperparameters.encoders[side].freeze_pretrained_embedding
        tables.append(TokenTable(name, weights, is_frozen))
    return tuple(tables)


def _draw_rows(shape: tuple[int, int], generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return an array (V, E), uniform in +-TABLE_SCALE, made without a second one of its size."""
    rows = generator.random(shape, dtype=np.float32)  # (V, E) in [0, 1)
    rows -= np.float32(0.5)
    rows *= np.float32(2 * TABLE_SCALE)
    return rows
