"""The `object2vec` command, by what it prints and its exit code."""

import json
from pathlib import Path

import numpy as np
import pytest

from object2vec.cli import main
from object2vec.data.vocabulary import Vocabulary
from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import ModelWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hyperparameters = Hyperparameters.from_strings(
        {
            "enc0_max_seq_len": "3",
            "enc0_vocab_size": "5",
            "enc0_network": "hcnn",
            "enc1_network": "pooled_embedding",
            "enc1_max_seq_len": "1",
            "enc1_vocab_size": "7",
            "enc_dim": "8",
        }
    )
    metrics = {"perplexity": 2.0, "cross_entropy": 0.6931471805599453, "accuracy": 0.5}
    better = {"perplexity": 1.5, "cross_entropy": 0.4054651081081644, "accuracy": 0.75}
    training = {
        "best_epoch": 1,
        "best_loss": 0.4054651081081644,
        "loss": "validation cross_entropy",
        "epochs": [
            {"epoch": 0, "train": metrics, "validation": metrics},
            {"epoch": 1, "train": metrics, "validation": better},
        ],
    }
    writer = ModelWriter(tmp_path, hyperparameters, (Vocabulary({"cat": 1}), None))
    writer.save({"embed_0_weight": np.zeros((5, 300), np.float32)}, training)
    return tmp_path


def test_inspect_says_what_a_model_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder)]) == 0
    printed = capsys.readouterr().out
    for line in (
        f"Object2Vec model in {folder}",
        "  epoch 1 of 2 was the best: validation cross_entropy 0.405465",
        "enc0     hcnn, 4 layers    up to 3 of 5 ids, or of 1 token strings  300 -> 8",
        "enc1     pooled_embedding  up to 1 of 7 ids                         8 -> 8",
        "embed_0_weight  5 x 300  1,500",
        "  enc_dim = 8",
    ):
        assert line in printed.splitlines()
    best = next(line for line in printed.splitlines() if line.endswith("*"))
    assert best.split() == ["1", "2", "0.69315", "0.5", "1.5", "0.40547", "0.75", "*"]


def test_inspect_prints_json_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "--json", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["training"]["best_epoch"] == 1


def test_a_folder_that_is_no_model_is_told_on_stderr_with_the_clients_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tmp_path / "absent")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"ClientError: There is no model folder {tmp_path}/absent.\n"
