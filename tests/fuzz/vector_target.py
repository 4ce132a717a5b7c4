"""The reader of pretrained vectors.

The first byte of an input says how many numbers a vector has, the rest is the file.
"""

import gzip

import numpy as np
from tests.fuzz.inputs import AWKWARD, scratch_folder
from tests.fuzz.record_target import VOCAB_SIZE

from object2vec.data.vectors import read_vectors
from object2vec.data.vocabulary import Vocabulary

VOCABULARY = Vocabulary({"cat": 1, "dog": 2, "": 3, "a cat": 4, "7": 5, "é": 6})


class VectorTarget:
    """Reads one file; what is taken must be finite vectors of wanted tokens, each once."""

    def __init__(self) -> None:
        self._path = scratch_folder("vectors") / "vectors.txt"

    def __call__(self, data: bytes) -> None:
        """Read the file that `data` says."""
        dimension = data[0] % 4 + 1 if data else 1
        self._path.write_bytes(data[1:])
        found = read_vectors(self._path, VOCABULARY, dimension)
        assert found.vectors.shape == (len(found.ids), dimension)
        assert np.isfinite(found.vectors).all()
        assert len(set(found.ids.tolist())) == len(found.ids)
        assert set(found.ids.tolist()) <= set(range(VOCAB_SIZE))
        assert found.lines_read + found.duplicates <= 2 * (data.count(b"\n") + 1) + 2048


def seeds() -> dict[str, bytes]:
    """Return files to begin with, by a name each."""
    return {
        "glove": b"\1cat 0.1 -2e-3\nzebra 1 2\ndog .5 7\n",
        "word2vec": b"\2" + b"3 3\ncat 1 2 3\na cat 4 5 6\ncat 7 8 9\n",
        "tabs": b"\0\xef\xbb\xbfcat\t1\r\n\r\n7 7\n",
        "digits": b"\1" + AWKWARD["digits"] + b" " + AWKWARD["digits"],
        "packed": b"\1" + gzip.compress(b"cat 0.1 2\n", mtime=0),
    }
