"""A folder of checkpoints from a stranger can do nothing but be passed over or refused."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz.checkpoint_target import CheckpointTarget
from tests.security.test_model_from_a_stranger import Payload
from tests.unit.training.test_resuming import BATCHES, StopAfter, run, write_channel

from object2vec.errors import ClientError
from object2vec.training.archive import Archive, DamagedArchiveError, write_archive
from object2vec.training.channels import Channels
from object2vec.training.checkpoints import Checkpoints, Position
from object2vec.training.stop import StopRequested


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.npz"
    path.write_bytes(CheckpointTarget().seeds()["whole"])
    return path


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Channels:
    root = tmp_path_factory.mktemp("channels")
    return Channels(write_channel(root / "train", 16 * BATCHES, 1))


def test_no_pickle_is_ever_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    wicked = np.array([Payload(tmp_path / "ran")], dtype=object)
    np.savez(path, wicked=wicked)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("state.json", "{}")
    with Archive(path) as archive:
        archive.check()
        for dtype in (object, np.float64):
            with pytest.raises(DamagedArchiveError, match=r"is no .* array of shape"):
                archive.check_shapes({"wicked": np.zeros(1, dtype)})
    assert not (tmp_path / "ran").exists()


def test_a_link_is_no_checkpoint(tmp_path: Path, whole: Path) -> None:
    link = tmp_path / "link.npz"
    link.symlink_to(whole)
    with pytest.raises(DamagedArchiveError, match="it is no plain file"):
        Archive(link)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DamagedArchiveError, match="it is no plain file"):
        Archive(tmp_path / "pipe.npz")


def test_nothing_outside_the_folder_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("as it was")
    checkpoints = Checkpoints(tmp_path / "checkpoints", "algo-1")
    checkpoints.folder.mkdir()
    for name in (
        "algo-1-00000-000000001.npz",
        "algo-1-00000-000000001.npz.sagemaker-ignore",
        "algo-1-best-00000.npz",
        "algo-1-best-00000.npz.sagemaker-ignore",
    ):
        (checkpoints.folder / name).symlink_to(outside)
    checkpoints.remove_partial()
    checkpoints.save_best(0, {"a": np.ones(3)})
    path = checkpoints.save(Position(0, 1), {"best_epoch": 0}, {"a": np.ones(3)})
    assert outside.read_text() == "as it was"
    assert not path.is_symlink()
    filled = {"a": np.zeros(3)}
    checkpoints.fill_best(0, filled)
    assert filled["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("claimed", [1 << 20, 1 << 31])
def test_an_index_that_claims_more_than_the_file_holds_is_refused(
    tmp_path: Path, whole: Path, claimed: int
) -> None:
    content = bytearray(whole.read_bytes())
    place = content.rindex(b"PK\1\2")
    # Both sizes of the last entry of the index.
    content[place + 20 : place + 28] = claimed.to_bytes(4, "little") * 2
    whole.write_bytes(content)
    with pytest.raises(DamagedArchiveError, match=r"says more than there is|cannot be|no whole"):
        Archive(whole)


def test_a_packed_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("state.json", "{}" + " " * 10_000_000)
    assert path.stat().st_size < 20_000
    with pytest.raises(DamagedArchiveError, match="is compressed"):
        Archive(path)


@pytest.mark.parametrize(
    "change",
    [
        {"run": None},
        {"snapshots": 1e999},
        {"learner": {"table_steps": {}}},
        {"learner": None},
        {"best_epoch": 10**30},
        {"run.order": {}},
        {"run.order": {"bit_generator": "PCG64", "state": {"state": 10**99, "inc": 10**99}}},
        {"run.records": -1},
        {"run.seconds": 10**999},
        {"run.losses": [10**999]},
        {"run.losses": [float("nan")]},
        {"run.history": [{"train": float("inf")}]},
        {"run.sums": ["x"]},
    ],
    ids=str,
)
def test_a_state_that_cannot_be_is_refused(
    channels: Channels, tmp_path: Path, change: dict[str, object]
) -> None:
    with pytest.raises(StopRequested):
        run(channels, tmp_path, StopAfter(BATCHES + 3))
    for path in sorted((tmp_path / "checkpoints").glob("algo-1-0*.npz")):
        with zipfile.ZipFile(path) as archive:
            arrays = {
                name.removesuffix(".npy"): np.load(archive.open(name))
                for name in archive.namelist()
                if name.endswith(".npy")
            }
            state = json.loads(archive.read("state.json"))
        for place, value in change.items():
            *parents, last = place.split(".")
            target = state[parents[0]] if parents else state
            target[last] = value
        path.unlink()
        write_archive(path, state, arrays)
    if change.keys() & {"best_epoch"}:
        run(channels, tmp_path)  # named weights that are not there: the job begins anew
        return
    with pytest.raises(ClientError, match=r"cannot be gone on from|is of another training"):
        run(channels, tmp_path)
