"""Token tables: one row of numbers a vocabulary entry, held by the host as a plain array.

A table may be larger than a device's memory and is never a tensor as a whole: a batch reads the
rows of its own tokens. Served models map the same array from disk.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from object2vec.hyperparameters import Hyperparameters


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
