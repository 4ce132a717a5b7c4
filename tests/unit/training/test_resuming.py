"""Jobs that are stopped anywhere and begun again end as those that were not."""

import itertools
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.network import engine
from object2vec.saved_model import SavedModel
from object2vec.training import events
from object2vec.training.channels import Channels
from object2vec.training.checkpoints import Checkpoints
from object2vec.training.job import run_job
from object2vec.training.stop import Stop, StopRequested

SETTINGS = {
    "enc0_max_seq_len": "6",
    "enc0_vocab_size": "60",
    "enc0_network": "pooled_embedding",
    "enc_dim": "8",
    "mlp_dim": "8",
    "mlp_activation": "tanh",
    "epochs": "3",
    "mini_batch_size": "16",
    "learning_rate": "0.01",
    "seed": "7",
}
BATCHES = 7  # an epoch


class StopAfter(Stop):
    """Asks for a stop once it was looked for so many times."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    @property
    def is_requested(self) -> bool:
        self._left -= 1
        return self._left <= 0

    @contextmanager
    def deferred(self) -> Iterator[None]:
        yield
        if self._left <= 0:
            raise StopRequested


def write_channel(folder: Path, records: int, seed: int) -> Path:
    chance = random.Random(seed)
    folder.mkdir(parents=True)
    with (folder / "part.jsonl").open("w") as stream:
        for _ in range(records):
            in0, in1 = (
                [int(chance.betavariate(1, 4) * 60) for _ in range(chance.randrange(1, 7))]
                for _ in range(2)
            )
            label = (sum(in0) + len(in1)) % 2
            stream.write(json.dumps({"label": label, "in0": in0, "in1": in1}) + "\n")
    return folder


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    root = tmp_path_factory.mktemp("channels")
    return Channels(
        write_channel(root / "train", 16 * BATCHES, 1), write_channel(root / "validation", 37, 2)
    )


def run(
    channels: Channels, folder: Path, stop: Stop | None = None, seconds: float = 1e9, **given: str
) -> list[events.Event]:
    told: list[events.Event] = []
    run_job(
        Hyperparameters.from_strings(SETTINGS | given),
        channels,
        folder / "model",
        told.append,
        checkpoints=Checkpoints(folder / "checkpoints", "algo-1", seconds),
        stop=stop or Stop(),
    )
    return told


def remarks(told: list[events.Event]) -> list[str]:
    return [event.message for event in told if isinstance(event, events.Remark)]


def assert_same_models(first: Path, second: Path) -> None:
    one, other = SavedModel.open(first / "model"), SavedModel.open(second / "model")
    assert one.training == other.training
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], strict=True)


@pytest.mark.parametrize(
    "given",
    [
        {"enc0_network": "pooled_embedding", "dropout": "0.3"},
        pytest.param(
            {"enc0_network": "pooled_embedding", "negative_sampling_rate": "2", "optimizer": "sgd"},
            marks=pytest.mark.faults,
        ),
        {"enc0_network": "hcnn", "dropout": "0.3", "optimizer": "rmsprop", "bucket_width": "2"},
        pytest.param(
            {"enc0_network": "bilstm", "enc0_layers": "2", "dropout": "0.3"}
            | {"optimizer": "adagrad"},
            marks=pytest.mark.faults,
        ),
        {"optimizer": "adadelta", "weight_averaging": "False", "mlp_layers": "2"},
        {"token_embedding_storage_type": "row_sparse", "tied_token_embedding_weight": "true"},
        {"weight_decay": "0.01", "mlp_layers": "0"},
    ],
    ids=lambda given: "-".join(given.values()),
)
def test_a_job_that_is_stopped_again_and_again_ends_as_one_that_never_was(
    channels: Channels, tmp_path: Path, given: dict[str, str]
) -> None:
    run(channels, tmp_path / "whole", **given)
    stops = 0
    # At every batch modulo 5: at the first of an epoch, in its midst, at its last.
    for looks in itertools.cycle([5, 3, 1, 4]):
        try:
            run(channels, tmp_path / "stopped", StopAfter(looks), **given)
        except StopRequested:
            stops += 1
        else:
            break
    assert stops >= 6
    assert_same_models(tmp_path / "whole", tmp_path / "stopped")


def test_on_several_devices_a_job_goes_on_as_well(
    channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpus = [engine.mx.cpu(0), engine.mx.cpu(1)]
    monkeypatch.setattr(engine, "devices", lambda num_gpus: cpus)
    run(channels, tmp_path / "whole", dropout="0.3")
    with pytest.raises(StopRequested):
        run(channels, tmp_path / "stopped", StopAfter(10), dropout="0.3")
    run(channels, tmp_path / "stopped", dropout="0.3")
    assert_same_models(tmp_path / "whole", tmp_path / "stopped")


def test_when_checkpoints_are_written_changes_nothing(channels: Channels, tmp_path: Path) -> None:
    run(channels, tmp_path / "seldom")
    told = run(channels, tmp_path / "often", seconds=0.0)
    assert sum("saved" in message for message in remarks(told)) == 3 * BATCHES + 3
    assert_same_models(tmp_path / "seldom", tmp_path / "often")
    kept = sorted(path.name for path in (tmp_path / "often" / "checkpoints").iterdir())
    assert [name for name in kept if "best" not in name] == [
        "algo-1-00002-000000007.npz",
        "algo-1-00003-000000000.npz",
    ]


def test_a_model_folder_that_was_lost_is_filled_from_the_checkpoint(
    channels: Channels, tmp_path: Path
) -> None:
    run(channels, tmp_path / "whole")
    with pytest.raises(StopRequested):
        run(channels, tmp_path / "stopped", StopAfter(2 * BATCHES + 2))
    best = SavedModel.open(tmp_path / "stopped" / "model").training["best_epoch"]
    assert best < 2
    (tmp_path / "stopped" / "model").rename(tmp_path / "lost")
    with pytest.raises(StopRequested):
        run(channels, tmp_path / "stopped", StopAfter(1))
    assert SavedModel.open(tmp_path / "stopped" / "model").training["best_epoch"] == best
    run(channels, tmp_path / "stopped")
    assert_same_models(tmp_path / "whole", tmp_path / "stopped")


def test_a_job_that_has_ended_only_writes_its_model_again_and_more_epochs_go_on(
    channels: Channels, tmp_path: Path
) -> None:
    run(channels, tmp_path / "one")
    (tmp_path / "one" / "model").rename(tmp_path / "lost")
    told = run(channels, tmp_path / "one")
    assert not [event for event in told if isinstance(event, events.EpochEnded)]
    told = run(channels, tmp_path / "one", epochs="5")
    assert len([event for event in told if isinstance(event, events.EpochEnded)]) == 2
    run(channels, tmp_path / "whole", epochs="5")
    assert_same_models(tmp_path / "whole", tmp_path / "one")


def test_without_a_seed_a_job_goes_on_with_the_one_it_drew(
    channels: Channels, tmp_path: Path
) -> None:
    with pytest.raises(StopRequested):
        run(channels, tmp_path / "one", StopAfter(BATCHES + 2), seed="random")
    told = run(channels, tmp_path / "one", seed="random")
    assert any("Going on" in message for message in remarks(told))
    assert not any("No seed" in message for message in remarks(told))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_checkpoint_is_passed_over_and_the_one_before_used(
    channels: Channels, tmp_path: Path, damage: str
) -> None:
    run(channels, tmp_path / "whole")
    with pytest.raises(StopRequested):
        run(channels, tmp_path / "hurt", StopAfter(BATCHES + 3))
    newest = max((tmp_path / "hurt" / "checkpoints").glob("algo-1-0*.npz"))
    content = bytearray(newest.read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    else:
        content = bytearray(b"" if damage == "empty" else b"no archive at all\n" * 99)
    newest.write_bytes(content)
    told = run(channels, tmp_path / "hurt")
    assert any(str(newest) in message and "passed over" in message for message in remarks(told))
    assert any("epoch 1, after 0 of" in message for message in remarks(told))
    assert_same_models(tmp_path / "whole", tmp_path / "hurt")
    # What was passed over does not push out what was written since.
    assert (tmp_path / "hurt" / "checkpoints" / "algo-1-00003-000000000.npz").exists()


def test_with_all_checkpoints_damaged_the_job_begins_anew(
    channels: Channels, tmp_path: Path
) -> None:
    run(channels, tmp_path / "whole")
    run(channels, tmp_path / "hurt")
    for path in (tmp_path / "hurt" / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-1000])
    told = run(channels, tmp_path / "hurt")
    assert len([event for event in told if isinstance(event, events.EpochEnded)]) == 3
    assert_same_models(tmp_path / "whole", tmp_path / "hurt")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("enc_dim", "16", "enc_dim is 16 here and 8 there"),
        ("learning_rate", "0.1", "learning_rate is 0.1 here and 0.01 there"),
        ("seed", "8", "seed is 8 here and 7 there"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused_and_stays(
    channels: Channels, tmp_path: Path, name: str, value: str, told: str
) -> None:
    run(channels, tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    with pytest.raises(ClientError, match=told):
        run(channels, tmp_path, **{name: value})
    assert {path: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


def test_the_checkpoint_of_other_records_is_refused(channels: Channels, tmp_path: Path) -> None:
    run(channels, tmp_path)
    others = Channels(write_channel(tmp_path / "others", 16 * BATCHES, 5))
    with pytest.raises(ClientError, match="other records"):
        run(others, tmp_path)


def test_a_folder_that_cannot_be_written_costs_a_warning_and_not_the_training(
    channels: Channels, tmp_path: Path
) -> None:
    run(channels, tmp_path / "whole")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "checkpoints").write_text("a file where the folder should be")
    told = run(channels, tmp_path / "full")
    assert any("cannot be written" in message for message in remarks(told))
    assert_same_models(tmp_path / "whole", tmp_path / "full")
