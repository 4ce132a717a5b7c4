"""A job whose records stand in files trains to the same model, and says where they stand."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from object2vec.data.array_space import FOLDER_VARIABLE, MEMORY_VARIABLE
from object2vec.data.pipes import Pipe
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import SavedModel
from object2vec.training import events
from object2vec.training.channels import Channels, read_input
from object2vec.training.job import run_job

SETTINGS = {
    "enc0_max_seq_len": "6",
    "enc0_vocab_size": "20",
    "enc0_network": "pooled_embedding",
    "enc_dim": "8",
    "mlp_dim": "8",
    "epochs": "2",
    "mini_batch_size": "16",
    "negative_sampling_rate": "1",
    "bucket_width": "2",
    "seed": "7",
}


@pytest.fixture
def channels(tmp_path: Path) -> Channels:
    chance = np.random.default_rng(1)
    for name in ("train", "validation"):
        lines = [
            json.dumps(
                {
                    "label": int(chance.integers(2)),
                    "in0": chance.integers(0, 20, chance.integers(1, 6)).tolist(),
                    "in1": chance.integers(0, 20, chance.integers(1, 6)).tolist(),
                }
            )
            for _ in range(100)
        ]
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.jsonl").write_text("\n".join(lines))
    return Channels(tmp_path / "train", tmp_path / "validation")


def test_records_in_files_make_the_same_model_as_records_in_memory(
    channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hyperparameters = Hyperparameters.from_strings(SETTINGS)
    for memory in ("0", "100"):
        monkeypatch.setenv(MEMORY_VARIABLE, memory)
        run_job(hyperparameters, channels, tmp_path / memory, lambda event: None)
    first, second = (SavedModel.open(tmp_path / memory) for memory in ("0", "100"))
    assert first.training == second.training
    for name, array in first.arrays.items():
        assert np.array_equal(array, second.arrays[name])


def remarks(channels: Channels) -> list[tuple[str, str]]:
    told: list[events.Event] = []
    read_input(Hyperparameters.from_strings(SETTINGS), channels, told.append)
    return [(e.level, e.message) for e in told if isinstance(e, events.Remark)]


def test_the_log_says_that_records_stand_in_files_and_where(
    channels: Channels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert not any("in files in" in message for _, message in remarks(channels))
    monkeypatch.setenv(MEMORY_VARIABLE, "0")
    text = f"0 MiB of the records stand in files in {tmp_path}, as they exceed their share of"
    assert any(message.startswith(text) for _, message in remarks(channels))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train", "validation"]


def test_files_in_memory_are_warned_of(channels: Channels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, "/dev/shm")
    monkeypatch.setenv(MEMORY_VARIABLE, "0")
    level, message = remarks(channels)[-1]
    assert level == "WARNING"
    assert "that folder is in memory too (tmpfs)" in message


def test_a_wrong_variable_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MEMORY_VARIABLE, "all")
    with pytest.raises(ClientError, match=MEMORY_VARIABLE):
        remarks(Channels(tmp_path / "missing"))


@dataclass(frozen=True)
class TwoHosts:
    """Two hosts, seen from the second; of the first it is known how many records it has."""

    others: int
    rank: int = 1
    names: Sequence[str] = ("algo-1", "algo-2")

    def gather(self, value: object) -> list[object]:
        return [self.others, value]


def read_piped(folder: Path, data: bytes, hosts: TwoHosts, sharded: frozenset[str]) -> int:
    """Read channel train of one of two hosts through a pipe; return its number of records."""
    pipe = Pipe(folder / "piped", 20)
    os.mkfifo(pipe.path)
    writer = threading.Thread(target=pipe.path.write_bytes, args=(data,), daemon=True)
    writer.start()
    try:
        hyperparameters = Hyperparameters.from_strings(SETTINGS)
        channels = Channels(pipe, sharded=sharded)
        return len(read_input(hyperparameters, channels, lambda event: None, hosts).train)
    finally:
        writer.join(20)


def test_a_shard_may_come_empty_through_a_pipe_where_another_host_has_records(
    tmp_path: Path,
) -> None:
    assert read_piped(tmp_path, b"", TwoHosts(others=3), frozenset({"train"})) == 0


def test_a_shard_without_a_record_on_any_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientError) as caught:
        read_piped(tmp_path, b"", TwoHosts(others=0), frozenset({"train"}))
    assert str(caught.value) == (
        "Channel 'train': there is no record on any of the 2 hosts. "
        f"Looked on this one at {tmp_path}/piped_0."
    )


def test_a_channel_that_all_hosts_have_may_not_come_empty(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no record in what came through the pipe"):
        read_piped(tmp_path, b"", TwoHosts(others=3), frozenset())


def test_each_host_keeps_its_part_of_what_comes_through_its_pipe(
    channels: Channels, tmp_path: Path
) -> None:
    data = (tmp_path / "train" / "part.jsonl").read_bytes()
    assert read_piped(tmp_path, data, TwoHosts(others=50), frozenset()) == 50
