"""The loader of models: one file of a whole model folder in other bytes, opened and restored.

The first byte of an input says which file (0: model.json) and whether checksums are compared, the
rest is the file. For another file than model.json, model.json is made to agree with it, as a
stranger would.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from tests.fuzz.inputs import AWKWARD, scratch_folder

from object2vec.data.vocabulary import Vocabulary
from object2vec.hyperparameters import Hyperparameters
from object2vec.network import engine
from object2vec.network.initial_values import initial_weights
from object2vec.network.pair_network import PairNetwork
from object2vec.network.restoration import restore
from object2vec.saved_model import MANIFEST, ModelWriter, SavedModel

HYPERPARAMETERS = Hyperparameters.from_strings(
    {
        "enc0_max_seq_len": "3",
        "enc0_vocab_size": "6",
        "enc0_network": "pooled_embedding",
        "enc_dim": "4",
        "mlp_layers": "1",
        "mlp_dim": "2",
        "comparator_list": "hadamard",
        "tied_token_embedding_weight": "True",
        "enc0_vocab_file": "words.json",
    }
)
VOCABULARY = Vocabulary({"cat": 1, "dog": 2})


def write_model(folder: Path) -> None:
    """Write a small whole model, always the same."""
    generator = np.random.default_rng(1)
    shapes = PairNetwork(HYPERPARAMETERS, engine.device(0)).shapes
    arrays = initial_weights(shapes, np.zeros(2, np.float32), generator)
    arrays["embed_shared_weight"] = generator.normal(size=(6, 4)).astype(np.float32)
    training = {"best_epoch": 0, "best_loss": 0.5, "loss": "train cross_entropy", "epochs": []}
    ModelWriter(folder, HYPERPARAMETERS, (VOCABULARY, None)).save(arrays, training)


class ModelTarget:
    """Opens one model folder, and makes the network of it."""

    def __init__(self) -> None:
        self._folder = scratch_folder("model")
        write_model(self._folder)
        self._whole = {path.name: path.read_bytes() for path in self._folder.iterdir()}
        self._manifest = json.loads(self._whole[MANIFEST])
        entries = (*self._manifest["arrays"].values(), *self._manifest["vocabularies"].values())
        self._files = [MANIFEST, *sorted(entry["file"] for entry in entries)]

    def __call__(self, data: bytes) -> None:
        """Open the model whose file is what `data` says."""
        chosen = data[0] if data else 0
        name = self._files[(chosen >> 1) % len(self._files)]
        content = data[1:]
        try:
            (self._folder / name).write_bytes(content)
            if name != MANIFEST:
                self._describe(name, content)
            model = SavedModel.open(self._folder, verify=bool(chosen & 1))
            _, tables = restore(model, engine.device(0))
            for table in tables:
                assert table.weights.dtype == np.float32
                table.weights.sum()
        finally:
            for changed in {name, MANIFEST}:
                (self._folder / changed).write_bytes(self._whole[changed])

    def _describe(self, name: str, content: bytes) -> None:
        manifest = json.loads(self._whole[MANIFEST])
        for entry in (*manifest["arrays"].values(), *manifest["vocabularies"].values()):
            if entry["file"] == name:
                entry["bytes"] = len(content)
                entry["sha256"] = hashlib.sha256(content).hexdigest()
        (self._folder / MANIFEST).write_text(json.dumps(manifest))

    def seeds(self) -> dict[str, bytes]:
        """Return files to begin with, by a name each."""
        kinds = {name.split("-", maxsplit=1)[0]: number for number, name in enumerate(self._files)}
        chosen = {
            kind: bytes([number << 1 | 1]) + self._whole[self._files[number]]
            for kind, number in kinds.items()
        }
        text = json.dumps(self._manifest).encode()
        places = {"version": b'"format_version": ', "bytes": b'"bytes": ', "shape": b'"shape": '}
        array = chosen["embed_shared_weight"]
        shape = b"(6, 4), }"
        return {
            "manifest": b"\0" + text,
            "verified_manifest": b"\1" + text,
            "table": array,
            "bias": chosen["output_layer_bias"],
            "vocabulary": chosen["vocabulary_in0"],
            "huge_table": array.replace(shape + b" " * 16, b"(999999999999, 4), }     "),
            "overflowing_table": array.replace(shape, b"(4294967296, 4294967296), }"),
            "object_table": array.replace(b"'<f4'", b"'|O'").replace(b"} ", b"}  "),
            "large_network": b"\0"
            + text.replace(b'"mlp_dim": "2"', b'"mlp_dim": "10000"').replace(
                b'"mlp_layers": "1"', b'"mlp_layers": "10"'
            ),
            "path": b"\0" + text.replace(b'"file": "embed', b'"file": "./../../embed'),
        } | {
            f"{place}_{name}": b"\0" + text.replace(begin, begin + value + b', "":', 1)
            for place, begin in places.items()
            for name, value in AWKWARD.items()
        }
