"""Small networks, tables and records for tests, all from named seeds."""

from collections.abc import Iterable, Sequence

import numpy as np

from object2vec.data.ragged import RaggedArray
from object2vec.data.records import PairRecords, ReadSummary, SideSummary
from object2vec.hyperparameters import Hyperparameters
from object2vec.network.engine import mx
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable, table_names

# How random_network lays sequences out; None leaves the choice to the network.
is_packed: bool | None = None

DEFAULTS = {
    "enc0_max_seq_len": 12,
    "enc0_vocab_size": 9,
    "enc0_token_embedding_dim": 3,
    "enc_dim": 6,
    "mlp_dim": 5,
    "mlp_layers": 1,
    "mini_batch_size": 4,
}


def hyperparameters(**given: object) -> Hyperparameters:
    """A small configuration, with what is given in place of its values."""
    return Hyperparameters.from_strings(
        {name: str(value) for name, value in {**DEFAULTS, **given}.items()}
    )


def random_tables(chosen: Hyperparameters, seed: int = 1) -> tuple[TokenTable, ...]:
    """Tables of numbers around one half in size, no row zero."""
    generator = np.random.default_rng(seed)
    return tuple(
        TokenTable(
            name,
            generator.normal(0.0, 0.5, (encoder.vocab_size, encoder.token_embedding_dim)).astype(
                np.float32
            ),
        )
        for name, encoder in zip(table_names(chosen), chosen.encoders, strict=False)
    )


def random_network(chosen: Hyperparameters, seed: int = 2, scale: float = 0.5) -> PairNetwork:
    """A network with random weights and biases, none of them zero."""
    network = PairNetwork(chosen, mx.cpu(), is_packed=is_packed)
    generator = np.random.default_rng(seed)
    network.load(
        {
            name: generator.normal(0.0, scale, parameter.shape).astype(np.float32)
            for name, parameter in network.parameters.items()
        }
    )
    return network


def encode(
    network: PairNetwork, tables: Sequence[TokenTable], side: int, rows: Iterable[Sequence[int]]
) -> np.ndarray:
    """Encodings (N, C) of rows as they come, along the way that scoring takes."""
    ragged = RaggedArray.from_rows(rows)
    padding_id = network.hyperparameters.padding_id
    if padding_id is not None:
        ragged = ragged.drop_outer_padding(padding_id)
    given = (ragged, None) if side == 0 else (None, ragged)
    ((part, embeddings),) = network.sides_of(tables, *given)
    return network.encode(part, embeddings).asnumpy()


def pair_records(
    in0: Iterable[Sequence[int]], in1: Iterable[Sequence[int]], labels: Iterable[float]
) -> PairRecords:
    """Records as reading a channel gives them."""
    left, right = RaggedArray.from_rows(in0), RaggedArray.from_rows(in1)
    side = SideSummary()
    summary = ReadSummary(1, len(left), 0, side, side, 0, 0.0)
    return PairRecords(left, right, np.asarray(list(labels), dtype=np.float32), summary)
