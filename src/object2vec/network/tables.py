"""Token tables: one row of numbers a vocabulary entry, held by the host as a plain array.

A table may be larger than a device's memory and is never a tensor as a whole: a batch reads the
rows of its own tokens. Served models map the same array from disk.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from object2vec.data.vectors import TokenVectors
from object2vec.hyperparameters import Hyperparameters

# Small beside the weights above it, so that the first epochs learn from the data's averages before
# single objects are told apart: docs/quality.md, "Initial values".
INITIAL_SCALE = 0.01


@dataclass(frozen=True)
class TokenTable:
    """A table and what may be done with it.

    Attributes:
        name: `embed_0_weight`, `embed_1_weight`, or `embed_shared_weight` when tied.
        weights: float32 of shape (V, E).
        is_frozen: Whether training leaves it as it is.
    """

    name: str
    weights: npt.NDArray[np.float32]
    is_frozen: bool = False


def table_names(hyperparameters: Hyperparameters) -> tuple[str, ...]:
    """Return the names of the network's tables, by side, or the one of both sides."""
    if hyperparameters.tied_token_embedding_weight:
        return ("embed_shared_weight",)
    return ("embed_0_weight", "embed_1_weight")


def new_tables(
    hyperparameters: Hyperparameters,
    vectors: tuple[TokenVectors | None, TokenVectors | None],
    generator: np.random.Generator,
) -> tuple[TokenTable, ...]:
    """Return the tables a training begins with.

    Rows are uniform in +-INITIAL_SCALE; pretrained vectors replace the rows of their tokens. A tied
    table takes the vectors of both sides, side 1 over side 0, and is frozen when a side that
    brought vectors is.
    """
    names = table_names(hyperparameters)
    tables = []
    for number, name in enumerate(names):
        encoder = hyperparameters.encoders[number]
        shape = (encoder.vocab_size, encoder.token_embedding_dim)
        weights = generator.random(shape, dtype=np.float32)  # (V, E) in [0, 1)
        weights -= np.float32(0.5)
        weights *= np.float32(2 * INITIAL_SCALE)
        is_frozen = False
        for side in (0, 1) if len(names) == 1 else (number,):
            side_vectors = vectors[side]
            if side_vectors is not None:
                weights[side_vectors.ids] = side_vectors.vectors
                is_frozen |= hyperparameters.encoders[side].freeze_pretrained_embedding
        tables.append(TokenTable(name, weights, is_frozen))
    return tuple(tables)
