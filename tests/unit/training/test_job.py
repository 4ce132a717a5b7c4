"""Whole jobs on small data, by their events and the model they leave."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from object2vec.data.ragged import RaggedArray
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.inference.predictor import Predictor
from object2vec.saved_model import SavedModel
from object2vec.training import events
from object2vec.training.channels import Channels
from object2vec.training.job import run_job

Kind = TypeVar("Kind")
SETTINGS = {
    "enc0_max_seq_len": "6",
    "enc0_vocab_size": "20",
    "enc0_network": "pooled_embedding",
    "enc_dim": "8",
    "mlp_dim": "8",
    "mlp_activation": "tanh",
    "epochs": "4",
    "mini_batch_size": "16",
    "learning_rate": "0.01",
    "seed": "7",
}


def write_channel(folder: Path, records: int, seed: int) -> Path:
    """Pairs whose label says whether the sides' sums are both odd or both even."""
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    with (folder / "part.jsonl").open("w") as stream:
        for _ in range(records):
            in0, in1 = (
                [chance.randrange(1, 20) for _ in range(chance.randrange(1, 7))] for _ in range(2)
            )
            label = (len(in0) + len(in1)) % 2
            stream.write(json.dumps({"label": label, "in0": in0, "in1": in1}) + "\n")
    return folder


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    root = tmp_path_factory.mktemp("channels")
    return Channels(
        write_channel(root / "train", 100, 1),
        write_channel(root / "validation", 37, 2),
        write_channel(root / "test", 41, 3),
    )


def run(channels: Channels, folder: Path, **settings: str) -> list[events.Event]:
    told: list[events.Event] = []
    run_job(Hyperparameters.from_strings(SETTINGS | settings), channels, folder, told.append)
    return told


def of_kind(told: list[events.Event], kind: type[Kind]) -> list[Kind]:
    return [event for event in told if isinstance(event, kind)]


def quality(told: list[events.Event]) -> list[object]:
    epochs = [(event.train, event.validation) for event in of_kind(told, events.EpochEnded)]
    return [*epochs, *(event.metrics for event in of_kind(told, events.TestScored))]


def test_the_saved_model_is_that_of_the_best_epoch_and_scores_the_test_channel(
    channels: Channels, tmp_path: Path
) -> None:
    told = run(channels, tmp_path)
    losses = [event.validation["cross_entropy"] for event in of_kind(told, events.EpochEnded)]
    (ended,) = of_kind(told, events.TrainingEnded)
    assert ended.best_epoch == int(np.argmin(losses))
    assert ended.best_loss == min(losses)
    model = SavedModel.open(tmp_path)
    assert model.training["best_epoch"] == ended.best_epoch
    assert [epoch["validation"]["cross_entropy"] for epoch in model.training["epochs"]] == losses
    (scored,) = of_kind(told, events.TestScored)
    lines = (channels.test / "part.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    predictor = Predictor.load(tmp_path)
    probabilities = predictor.score(
        *(RaggedArray.from_rows(record[side] for record in records) for side in ("in0", "in1"))
    )
    labels = np.array([record["label"] for record in records])
    assert scored.records == len(records) == 41
    chosen = probabilities[np.arange(41), labels]
    assert scored.metrics["cross_entropy"] == pytest.approx(-np.log(chosen).mean(), rel=1e-5)
    assert scored.metrics["accuracy"] == (probabilities.argmax(axis=1) == labels).mean()


def test_the_events_of_a_job_come_in_this_order(channels: Channels, tmp_path: Path) -> None:
    told = run(channels, tmp_path, epochs="1")
    kinds = [type(event).__name__ for event in told if not isinstance(event, events.Remark)]
    assert kinds == [
        *["ChannelRead"] * 3,
        "NetworkBuilt",
        "TrainingBegan",
        "EpochEnded",
        "BestModelSaved",
        "TrainingEnded",
        "TestScored",
    ]


@pytest.mark.parametrize(
    ("network", "storage"),
    [("pooled_embedding", "dense"), ("hcnn", "row_sparse"), ("bilstm", "dense")],
)
def test_the_same_seed_gives_the_same_metrics_and_the_same_model(
    channels: Channels, tmp_path: Path, network: str, storage: str
) -> None:
    settings = {
        "enc0_network": network,
        "token_embedding_storage_type": storage,
        "dropout": "0.3",
        "negative_sampling_rate": "1",
        "epochs": "2",
    }
    first = run(channels, tmp_path / "first", **settings)
    second = run(channels, tmp_path / "second", **settings)
    other = run(channels, tmp_path / "other", **settings, **{"seed": "8"})
    assert quality(first) == quality(second)
    assert quality(first) != quality(other)
    arrays = SavedModel.open(tmp_path / "second").arrays
    for name, array in SavedModel.open(tmp_path / "first").arrays.items():
        np.testing.assert_array_equal(array, arrays[name])


def test_a_job_without_a_seed_draws_one_and_says_which(channels: Channels, tmp_path: Path) -> None:
    told = run(channels, tmp_path / "drawn", seed="random")
    seed = next(
        event.message.rpartition("seed=")[2]
        for event in of_kind(told, events.Remark)
        if "seed=" in event.message
    )
    assert SavedModel.open(tmp_path / "drawn").hyperparameters.seed == int(seed)
    assert quality(run(channels, tmp_path / "again", seed=seed)) == quality(told)


def test_without_validation_the_train_loss_decides_and_the_log_says_so(
    channels: Channels, tmp_path: Path
) -> None:
    told = run(Channels(channels.train), tmp_path)
    (ended,) = of_kind(told, events.TrainingEnded)
    losses = [event.train["cross_entropy"] for event in of_kind(told, events.EpochEnded)]
    assert (ended.loss_name, ended.best_loss) == ("train cross_entropy", min(losses))
    assert any(
        event.level == "WARNING" and "no validation channel" in event.message
        for event in of_kind(told, events.Remark)
    )
    assert not of_kind(told, events.TestScored)


def test_early_stopping_ends_a_job_that_no_longer_improves(
    channels: Channels, tmp_path: Path
) -> None:
    told = run(
        channels,
        tmp_path,
        epochs="50",
        early_stopping_patience="1",
        early_stopping_tolerance="0.1",
    )
    (ended,) = of_kind(told, events.TrainingEnded)
    assert ended.stopped_early
    assert ended.epochs_run == len(of_kind(told, events.EpochEnded)) < 50
    assert [check.stops for check in of_kind(told, events.EarlyStoppingChecked)][-1]


def test_progress_is_told_every_100_batches_with_the_metrics_so_far(
    channels: Channels, tmp_path: Path
) -> None:
    told = run(channels, tmp_path, mini_batch_size="1", epochs="1", negative_sampling_rate="2")
    progress = of_kind(told, events.Progress)
    assert [event.batches for event in progress] == [100, 200, 300]
    assert {event.epoch_batches for event in progress} == {300}
    (ended,) = of_kind(told, events.EpochEnded)
    assert progress[-1].metrics == ended.train


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_divergence_ends_the_job_and_names_epoch_batch_and_learning_rate(
    tmp_path: Path, optimizer: str
) -> None:
    (tmp_path / "train").mkdir()
    with (tmp_path / "train" / "part.jsonl").open("w") as stream:
        for index in range(64):
            stream.write(json.dumps({"label": 1e18 * index, "in0": [1], "in1": [2]}) + "\n")
    with pytest.raises(ClientError) as caught:
        run(
            Channels(tmp_path / "train"),
            tmp_path / "model",
            output_layer="mean_squared_error",
            learning_rate="1.0",
            optimizer=optimizer,
        )
    message = str(caught.value)
    assert message.startswith("Training diverged: the loss became")
    assert "in epoch 0, batch " in message
    assert f"with learning_rate=1 and optimizer={optimizer}. Try" in message
    assert not (tmp_path / "model").exists()


@pytest.fixture
def worded(tmp_path: Path) -> tuple[Channels, dict[str, str]]:
    """A job on token strings with vectors for two of three tokens, one table for both sides."""
    auxiliary, train = tmp_path / "auxiliary", tmp_path / "train"
    auxiliary.mkdir()
    train.mkdir()
    (auxiliary / "vocab.json").write_text('{"cat": 1, "dog": 2, "ape": 3}')
    (auxiliary / "vectors.txt").write_text("dog 1 2 3 4\nemu 9 9 9 9\ncat 5 6 7 8\n")
    lines = [{"label": 1, "in0": ["cat", "zebra"], "in1": ["dog", "ape"]} for _ in range(8)]
    (train / "part.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = {
        "enc_dim": "4",
        "enc0_vocab_size": "4",
        "enc0_vocab_file": "vocab.json",
        "enc0_pretrained_embedding_file": "vectors.txt",
        "tied_token_embedding_weight": "true",
        "epochs": "4",
        "learning_rate": "0.1",
    }
    return Channels(train, auxiliary=auxiliary), settings


@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
@pytest.mark.parametrize("weight_decay", ["0", "0.1"])
def test_frozen_vectors_come_through_a_training_unchanged(
    worded: tuple[Channels, dict[str, str]], tmp_path: Path, storage: str, weight_decay: str
) -> None:
    channels, settings = worded
    settings |= {"token_embedding_storage_type": storage, "weight_decay": weight_decay}
    told = run(channels, tmp_path / "model", **settings)
    table = SavedModel.open(tmp_path / "model").arrays["embed_shared_weight"]
    np.testing.assert_array_equal(table[[1, 2]], [[5, 6, 7, 8], [1, 2, 3, 4]])
    messages = [event.message for event in of_kind(told, events.Remark)]
    assert any("2 of 3 tokens of enc0_vocab_file got a vector" in text for text in messages)


def test_vectors_that_are_not_frozen_are_trained_further(
    worded: tuple[Channels, dict[str, str]], tmp_path: Path
) -> None:
    channels, settings = worded
    run(channels, tmp_path / "model", **settings, enc0_freeze_pretrained_embedding="false")
    table = SavedModel.open(tmp_path / "model").arrays["embed_shared_weight"]
    assert (table[[1, 2]] != [[5, 6, 7, 8], [1, 2, 3, 4]]).all()


def test_a_vocabulary_without_the_auxiliary_channel_is_told_by_the_hyperparameter(
    worded: tuple[Channels, dict[str, str]], tmp_path: Path
) -> None:
    channels, settings = worded
    with pytest.raises(ClientError, match=r"enc0_vocab_file is 'vocab.json', but there is no chan"):
        run(replace(channels, auxiliary=None), tmp_path / "model", **settings)


def test_the_vocabulary_travels_inside_the_model(
    worded: tuple[Channels, dict[str, str]], tmp_path: Path
) -> None:
    channels, settings = worded
    run(channels, tmp_path / "model", **settings)
    vocabularies = SavedModel.open(tmp_path / "model").vocabularies
    assert [part.ids_by_token for part in vocabularies] == [{"cat": 1, "dog": 2, "ape": 3}] * 2


def test_weight_averaging_keeps_the_mean_over_the_second_half_of_the_epoch(
    channels: Channels, tmp_path: Path
) -> None:
    settings = {"epochs": "1", "mini_batch_size": "10", "optimizer": "sgd", "learning_rate": "0.5"}
    run(channels, tmp_path / "mean", **settings)
    run(channels, tmp_path / "last", **settings, weight_averaging="false")
    mean, last = (SavedModel.open(tmp_path / name).arrays for name in ("mean", "last"))
    assert any((mean[name] != last[name]).any() for name in mean)


def test_an_epoch_of_one_batch_is_kept_as_it_is(channels: Channels, tmp_path: Path) -> None:
    settings = {"epochs": "1", "mini_batch_size": "100"}
    run(channels, tmp_path / "mean", **settings)
    run(channels, tmp_path / "last", **settings, weight_averaging="false")
    mean, last = (SavedModel.open(tmp_path / name).arrays for name in ("mean", "last"))
    for name in mean:
        np.testing.assert_array_equal(mean[name], last[name])
