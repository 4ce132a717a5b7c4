"""An ML folder as a job finds it."""

from pathlib import Path

import pytest

from object2vec_container.ml_folder import MLFolder


@pytest.fixture
def folder(tmp_path: Path) -> MLFolder:
    """An ML folder with hyperparameters and the folder of a train channel."""
    (tmp_path / "input" / "config").mkdir(parents=True)
    (tmp_path / "input" / "data" / "train").mkdir(parents=True)
    folder = MLFolder(tmp_path)
    folder.hyperparameters_file.write_text('{"enc_dim": "8"}')
    return folder
