"""The reader of channels: JSON Lines in, checked arrays or an error that names the line.

The first byte of an input chooses what the training is, the rest is the file.
"""

import json
from typing import Any

import numpy as np
from tests.fuzz.inputs import AWKWARD, scratch_folder

from object2vec.data.records import PairRecords, read_channel
from object2vec.data.vocabulary import Vocabulary
from object2vec.hyperparameters import Hyperparameters

VOCABULARY = Vocabulary({"cat": 1, "dog": 2, "": 3, "é": 4, "\ud83d": 5})
MAX_SEQ_LEN, VOCAB_SIZE, CLASSES = 4, 100, 3
BASE = {
    "enc0_max_seq_len": str(MAX_SEQ_LEN),
    "enc0_vocab_size": str(VOCAB_SIZE),
    "num_classes": str(CLASSES),
    "_padding_id": "none",
}
CHOICES = tuple(
    (Hyperparameters.from_strings({**BASE, **more}), vocabularies)
    for more in ({}, {"output_layer": "mean_squared_error", "_padding_id": "0"})
    for vocabularies in ((None, None), (VOCABULARY, VOCABULARY))
)


class RecordTarget:
    """Reads one file as a channel; what is taken must be what Python's own JSON says."""

    def __init__(self) -> None:
        self._path = scratch_folder("records") / "train.jsonl"

    def __call__(self, data: bytes) -> None:
        """Read the file that `data` says."""
        hyperparameters, vocabularies = CHOICES[data[0] % len(CHOICES) if data else 0]
        self._path.write_bytes(data[1:])
        records = read_channel(self._path, "train", hyperparameters, vocabularies)
        if data[1:3] != b"\x1f\x8b":
            _compare(records, data[1:], hyperparameters, vocabularies[0])


def _compare(
    records: PairRecords,
    text: bytes,
    hyperparameters: Hyperparameters,
    vocabulary: Vocabulary | None,
) -> None:
    lines = [line for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert len(records) == len(lines)
    for index, line in enumerate(lines):
        record = json.loads(line)
        assert records.labels[index] == np.float32(record["label"])
        for rows, field in ((records.in0, "in0"), (records.in1, "in1")):
            wanted = _ids(record[field], vocabulary)[:MAX_SEQ_LEN]
            if hyperparameters.padding_id is not None:
                wanted = _trimmed(wanted, hyperparameters.padding_id)
            assert rows[index].tolist() == wanted


def _ids(tokens: list[Any], vocabulary: Vocabulary | None) -> list[int]:
    assert all(isinstance(token, int | str) and not isinstance(token, bool) for token in tokens)
    known = vocabulary.ids_by_token if vocabulary else {}
    ids = [known.get(token) if isinstance(token, str) else token for token in tokens]
    found = [token_id for token_id in ids if token_id is not None]
    assert all(0 <= token_id < VOCAB_SIZE for token_id in found)
    return found


def _trimmed(ids: list[int], padding_id: int) -> list[int]:
    places = [place for place, token_id in enumerate(ids) if token_id != padding_id]
    return ids[places[0] : places[-1] + 1] if places else []


def seeds() -> dict[str, bytes]:
    """Return files to begin with, by a name each."""
    lines = (
        b'{"label": 1, "in0": [10, 7], "in1": [4]}\n',
        b'{"label": 0.0, "in0": [], "in1": [1, 2, 3, 4, 5], "more": null}\r\n',
        b'\n{"in1": [0, 0, 9], "in0": [0], "label": 2}',
    )
    strings = '{"label": 1.5, "in0": ["cat", "é", "zebra", ""], "in1": [7, "\\u00e9"]}\n'.encode()
    return {
        "ids": b"\0" + b"".join(lines),
        "mark": b"\0\xef\xbb\xbf" + lines[0],
        "strings": b"\1" + strings.replace(b"1.5", b"1"),
        "scores": b"\2" + lines[0] + b'{"label": -1e30, "in0": [1], "in1": [2]}',
        "scored_strings": b"\3" + strings,
    } | {
        f"{field}_{name}": b'\2{"label": 1, "in0": [1], "in1": [2], "%b": %b}\n'
        % (field.encode(), value)
        for field in ("label", "in1", "more")
        for name, value in AWKWARD.items()
    }
