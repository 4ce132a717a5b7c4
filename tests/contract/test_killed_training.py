"""`train` killed at random moments and started again, as spot instances do it."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping

import numpy as np
import pytest
from tests.contract.conftest import MLFolderBuilder, train_command

from object2vec.saved_model import SavedModel

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("OBJECT2VEC_TEST_KILLS", "200"))
TRAINING = b"Total params: "  # what is logged last before the first step
# From that line to the end it takes at least so long, so nearly every kill hits the training.
LONGEST_SECONDS = 1.0
# Kills of a start-up beside them, which must not cost what was there.
EARLY_SHARE = 0.1

NETWORKS = {
    "pooled dense adam, dropout": {"dropout": "0.2", "enc_dim": "64"},
    "pooled row_sparse, negatives": {
        "token_embedding_storage_type": "row_sparse",
        "negative_sampling_rate": "1",
        "tied_token_embedding_weight": "true",
    },
    "hcnn rmsprop, buckets": {"enc0_network": "hcnn", "optimizer": "rmsprop", "bucket_width": "1"},
    "bilstm adagrad, dropout": {
        "enc0_network": "bilstm",
        "enc0_layers": "2",
        "dropout": "0.3",
        "optimizer": "adagrad",
    },
}


def prepare(folder: MLFolderBuilder, settings: Mapping[str, str]) -> MLFolderBuilder:
    (folder.root / "checkpoints").mkdir()
    folder.channel("train", folder.records(2000)).channel("validation", folder.records(500))
    return folder.hyperparameters(epochs="3", early_stopping_patience="5", **settings)


def run_until(folder: MLFolderBuilder, line: bytes, seconds: float) -> int:
    """Run `train`, kill it so many seconds after it has logged a line, and return its exit code."""
    # Checkpoints every tenth of a second, so that kills hit their writing too.
    variables = folder.environment(OBJECT2VEC_CHECKPOINT_MINUTES="0.0016")
    path = folder.root / "log"
    with (
        path.open("wb") as log,
        subprocess.Popen(
            train_command(), env=variables, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        while line not in path.read_bytes() and process.poll() is None:
            time.sleep(0.01)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(10)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_job_killed_at_random_moments_ends_as_one_that_never_was(make_ml_folder, name) -> None:
    settings = NETWORKS[name]
    whole = prepare(make_ml_folder(), settings)
    assert whole.train().exit_code == 0
    expected = SavedModel.open(whole.model)
    chance = random.Random(name)
    wanted = KILLS // len(NETWORKS)
    kills = early = jobs = 0
    while kills < wanted:
        folder = prepare(make_ml_folder(), settings)
        jobs += 1
        while True:
            is_early = chance.random() < EARLY_SHARE
            line, longest = (b"", 2.0) if is_early else (TRAINING, LONGEST_SECONDS)
            seconds = chance.uniform(0, longest) if kills < wanted else 120
            if (code := run_until(folder, line, seconds)) == 0:
                break
            assert code == -signal.SIGKILL, (folder.root / "log").read_text()[-3000:]
            kills += not is_early
            early += is_early
            if (folder.model / "model.json").exists():
                SavedModel.open(folder.model)  # whole at every moment
        model = SavedModel.open(folder.model)
        assert model.training == expected.training
        for array_name, array in expected.arrays.items():
            np.testing.assert_array_equal(model.arrays[array_name], array, strict=True)
        kept = [path.name for path in (folder.root / "checkpoints").iterdir()]
        assert not [each for each in kept if each.endswith(".sagemaker-ignore")]
    print(f"{name}: {kills} kills in training, {early} before, in {jobs} jobs")
