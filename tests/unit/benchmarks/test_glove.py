"""The text file of vectors that is made of a package's arrays."""

from pathlib import Path
from types import ModuleType

import numpy as np

from object2vec.data.vectors import read_vectors
from object2vec.data.vocabulary import Vocabulary


def test_the_text_file_gives_back_every_number(glove: ModuleType, tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    path = tmp_path / "glove.txt"
    glove.write_text(path, ["the", ",", "n't"], vectors)
    read = read_vectors(path, Vocabulary({"n't": 1, "the": 2}), 4)
    assert read.lines_read == 3
    assert read.ids.tolist() == [2, 1]
    assert np.array_equal(read.vectors, vectors[[0, 2]])
