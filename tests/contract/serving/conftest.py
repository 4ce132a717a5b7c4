"""Models trained by the real `train`, and servers of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.contract.serving.server import Server

VOCABULARY = {"cat": 1, "dog": 2, "bird": 3, "fish": 4}


@pytest.fixture(scope="session")
def hcnn_folder(make_ml_folder: Callable[[], MLFolderBuilder]) -> Path:
    """An ML folder with a trained model of sequences: 12 ids, 6 tokens a side, two classes."""
    builder = make_ml_folder()
    builder.hyperparameters(
        enc0_network="hcnn", enc0_max_seq_len="6", enc0_token_embedding_dim="8", epochs="1"
    )
    builder.channel("train", builder.records(60))
    assert builder.train().exit_code == 0
    return builder.root


@pytest.fixture(scope="session")
def hcnn_server(hcnn_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of that model that tests share; they must leave it as it was."""
    with Server(hcnn_folder, tmp_path_factory.mktemp("serve") / "log") as server:
        yield server
