"""A network and its tables from a saved model, the tables mapped from disk."""

import math
from typing import Any

from object2vec.errors import ClientError, PlatformError
from object2vec.memory import memory_limit
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable, table_names
from object2vec.saved_model import MANIFEST, SavedModel


def restore(model: SavedModel, ctx: Any) -> tuple[PairNetwork, tuple[TokenTable, ...]]:
    """Return the network and the tables of a saved model.

    Raises:
        ClientError: The model's arrays are not those of its hyperparameters' network.
        PlatformError: The network is larger than the machine's memory.
    """
    # Without values: hyperparameters may name a network far larger than the arrays beside them.
    network = PairNetwork(model.hyperparameters, ctx, is_packed=False, has_values=False)
    names = table_names(model.hyperparameters)
    expected = network.shapes
    for name, encoder in zip(names, model.hyperparameters.encoders, strict=False):
        expected[name] = (encoder.vocab_size, encoder.token_embedding_dim)
    manifest = model.folder / MANIFEST
    for name, shape in expected.items():
        if name not in model.arrays:
            raise ClientError(f"{manifest} names no array {name}, which its network needs.")
        found = model.arrays[name].shape
        if found != shape:
            raise ClientError(
                f"{manifest}: array {name} is of shape {list(found)}, the network of the "
                f"hyperparameters beside it needs {list(shape)}."
            )
    needed, limit = 4 * sum(map(math.prod, network.shapes.values())), memory_limit()
    if needed > limit:
        raise PlatformError(
            f"The network of {manifest} takes {needed} bytes of memory, this machine has {limit}. "
            "Take a larger instance."
        )
    network.load(model.arrays)
    return network, tuple(TokenTable(name, model.arrays[name], is_frozen=True) for name in names)
