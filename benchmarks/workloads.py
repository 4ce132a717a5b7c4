"""Write made training data of five shapes, for `benchmarks/training.py`.

    .venv/bin/python benchmarks/workloads.py FOLDER

Every workload is a folder with hyperparameters.json and train/train.jsonl. The records are drawn at
random, with the sizes, lengths and frequencies of the data that the configurations are known from,
so that a step costs what it costs there; there is nothing to learn in them.

rating, recommend: 90,570 pairs of 943 users and 1,682 films, one token a side.
document: 25,000 pairs of 50 tokens of a vocabulary of 267,522, with 3 made negatives a pair.
sentence_hcnn, sentence_bilstm: 9,842 pairs of sentences, of 14 and 8 tokens in the mean.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

_PAIRS = {
    "enc0_max_seq_len": 1,
    "enc0_network": "pooled_embedding",
    "enc0_vocab_size": 944,
    "enc1_max_seq_len": 1,
    "enc1_network": "pooled_embedding",
    "enc1_vocab_size": 1684,
    "learning_rate": 0.001,
    "mlp_layers": 1,
    "optimizer": "adam",
}
_DOCUMENT = {
    "enc0_max_seq_len": 50,
    "enc0_network": "pooled_embedding",
    "enc0_vocab_size": 267522,
    "enc1_network": "enc0",
    "enc_dim": 300,
    "dropout": 0.4,
    "learning_rate": 0.01,
    "mini_batch_size": 512,
    "mlp_activation": "relu",
    "mlp_dim": 512,
    "mlp_layers": 2,
    "num_classes": 2,
    "optimizer": "adam",
    "negative_sampling_rate": 3,
    "tied_token_embedding_weight": "true",
    "comparator_list": "hadamard",
    "token_embedding_storage_type": "row_sparse",
}
_SENTENCES = {
    "enc0_max_seq_len": 82,
    "enc0_token_embedding_dim": 300,
    "enc0_layers": "auto",
    "enc0_cnn_filter_width": 3,
    "enc0_vocab_size": 6500,
    "enc1_network": "enc0",
    "mini_batch_size": 64,
    "mlp_activation": "linear",
    "mlp_dim": 512,
    "mlp_layers": 2,
    "num_classes": 3,
    "optimizer": "adam",
    "learning_rate": 0.0004,
    "token_embedding_storage_type": "row_sparse",
}
_CONFIGURATIONS: dict[str, dict[str, object]] = {
    "rating": _PAIRS
    | {
        "enc_dim": 1024,
        "mini_batch_size": 64,
        "mlp_activation": "tanh",
        "mlp_dim": 256,
        "output_layer": "mean_squared_error",
    },
    "recommend": _PAIRS
    | {"enc_dim": 2048, "mini_batch_size": 2048, "mlp_activation": "relu", "mlp_dim": 1024},
    "document": _DOCUMENT,
    "sentence_hcnn": _SENTENCES | {"enc0_network": "hcnn", "enc_dim": 1024},
    "sentence_bilstm": _SENTENCES | {"enc0_network": "bilstm", "enc_dim": 512},
}


def main() -> int:
    """Write all workloads."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the records to make")
    options = parser.parse_args()
    for name, configuration in _CONFIGURATIONS.items():
        generator = np.random.default_rng(1)
        folder = options.folder / name
        (folder / "train").mkdir(parents=True, exist_ok=True)
        strings = {key: str(value) for key, value in configuration.items()}
        (folder / "hyperparameters.json").write_text(json.dumps(strings, indent=1) + "\n")
        with (folder / "train" / "train.jsonl").open("w") as file:
            for left, right, label in _records(name, options.scale, generator):
                record = {"in0": left.tolist(), "in1": right.tolist(), "label": label}
                file.write(json.dumps(record) + "\n")
    return 0


def _records(
    name: str, scale: float, generator: np.random.Generator
) -> Iterable[tuple[Ids, Ids, float]]:
    """Yield in0, in1 and label of every record of a workload."""
    if name in ("rating", "recommend"):
        count = int(90570 * scale)
        users = _frequent_first(943, 100, count, generator)
        films = _frequent_first(1682, 50, count, generator)
        labels = generator.integers(1, 6, count) if name == "rating" else users % 2
        yield from zip(users[:, None], films[:, None], labels.tolist(), strict=True)
    elif name == "document":
        for _ in range(int(25000 * scale)):
            tokens = _frequent_first(267521, 10, 100, generator)
            yield tokens[:50], tokens[50:], 1
    else:
        for _ in range(int(9842 * scale)):
            lengths = generator.gamma(5, 2.8), generator.gamma(6, 1.4)
            left, right = (
                _frequent_first(6499, 10, 1 + min(81, int(length)), generator) for length in lengths
            )
            yield left, right, int(generator.integers(3))


def _frequent_first(most: int, offset: int, count: int, generator: np.random.Generator) -> Ids:
    """Return ids from 1 to `most`, id i as often as 1 / (i + offset) says (Zipf-Mandelbrot)."""
    # The inverse of the distribution's integral: log((i + offset) / offset) is uniform.
    drawn = offset * ((most + offset) / offset) ** generator.random(count) - offset
    ids: Ids = np.minimum(drawn.astype(np.int64) + 1, most)
    return ids


if __name__ == "__main__":
    sys.exit(main())
