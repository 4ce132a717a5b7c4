"""What names a file of a channel can name none elsewhere."""

import pytest
from tests.fuzz.record_target import BASE

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters


@pytest.mark.parametrize("path", ["../model.json", "/etc/passwd", "a/b", "..", ".", "a\\b", "a\0b"])
@pytest.mark.parametrize("name", ["enc0_vocab_file", "enc0_pretrained_embedding_file"])
def test_a_path_is_no_name_of_a_file(name: str, path: str) -> None:
    with pytest.raises(ClientError, match=f"'{name}' should be the name of a file"):
        Hyperparameters.from_strings({**BASE, name: path})
