"""Small files that unpack to large ones are given up at a limit."""

import gzip
from pathlib import Path

import pytest

from object2vec.data import vectors, vocabulary
from object2vec.data.vectors import read_vectors
from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError


def test_a_packed_vocabulary_is_given_up_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "MOST_BYTES", 1000)
    path = tmp_path / "words.json.gz"
    path.write_bytes(gzip.compress(b'{"cat": 1' + b" " * 100_000_000 + b"}"))
    with pytest.raises(ClientError, match="holds more than 1000 bytes"):
        Vocabulary.read(path, 10, "enc0")


def test_an_endless_line_of_a_packed_vector_file_is_given_up_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "LONGEST_LINE_BYTES", 1000)
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(gzip.compress(b"dog 1 2\ncat" + b" 1" * 50_000_000))
    with pytest.raises(ClientError, match="line 2: has 1000 bytes or more"):
        read_vectors(path, Vocabulary({"cat": 1}), 2)
