"""The hyperparameter file as the API's strings."""

from pathlib import Path

import pytest

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.launcher.hyperparameter_file import read_hyperparameter_strings


def test_every_value_becomes_the_string_that_train_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "hp.json"
    path.write_text(
        '{"enc0_vocab_size": 50, "enc0_max_seq_len": "3", "learning_rate": 0.01,'
        ' "tied_token_embedding_weight": true, "comparator_list": ["hadamard", "concat"]}'
    )
    strings = read_hyperparameter_strings(path)
    assert all(isinstance(value, str) for value in strings.values())
    record = Hyperparameters.from_strings(strings)
    assert record.learning_rate == 0.01
    assert record.enc0.vocab_size == 50
    assert record.tied_token_embedding_weight is True
    assert record.comparator_list == ("hadamard", "concat")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON in UTF-8"),
        (b"[1]", r"must hold a JSON object .*\[1\]"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "hp.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClientError, match=words) as caught:
        read_hyperparameter_strings(path)
    assert str(path) in str(caught.value)
