"""The MovieLens example: channels out of the data set's files, and the published configurations."""

import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from object2vec.hyperparameters import Hyperparameters

TRAIN = "1\t10\t5\t874965758\n1\t11\t3\t876893171\n2\t12\t4\t878542960\n943\t1682\t1\t876893119\n"
TEST = "1\t20\t4\t887431883\n2\t21\t2\t875693118\n"
# The published jobs, beside what the hyperparameter files share.
PUBLISHED = {
    "rating": (1024, 64, "tanh", 256, "mean_squared_error"),
    "recommend": (2048, 2048, "relu", 1024, "softmax"),
}


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "ua.base").write_text(TRAIN)
    (folder / "ua.test").write_text(TEST)
    return folder


def read_records(output: Path, channel: str) -> list[tuple[int, int, int]]:
    text = (output / "input/data" / channel / f"{channel}.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    return [(*record["in0"], *record["in1"], record["label"]) for record in records]


def test_ratings_become_labels(prepare: ModuleType, data_set: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert prepare.main([str(data_set), str(output), "--task", "rating"]) == 0
    train = read_records(output, "train")
    assert sorted(train) == [(1, 10, 5), (1, 11, 3), (2, 12, 4), (943, 1682, 1)]
    assert sorted(read_records(output, "validation")) == [(1, 20, 4), (2, 21, 2)]


def test_ratings_above_three_are_recommendations(
    prepare: ModuleType, data_set: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert prepare.main([str(data_set), str(output), "--task", "recommend"]) == 0
    train = read_records(output, "train")
    assert sorted(train) == [(1, 10, 1), (1, 11, 0), (2, 12, 1), (943, 1682, 0)]


def test_the_order_is_the_seeds(prepare: ModuleType, data_set: Path, tmp_path: Path) -> None:
    lines = [f"{user}\t1\t3\t0\n" for user in range(1, 101)]
    (data_set / "ua.base").write_text("".join(lines))
    orders = []
    for seed in (1, 1, 2):
        prepare.prepare(data_set, tmp_path / "out", "rating", seed)
        orders.append(read_records(tmp_path / "out", "train"))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    assert orders[0] != sorted(orders[0])


@pytest.mark.parametrize("missing", ["ua.base", "ua.test"])
def test_a_missing_file_says_what_the_folder_must_be(
    prepare: ModuleType,
    data_set: Path,
    tmp_path: Path,
    missing: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (data_set / missing).unlink()
    assert prepare.main([str(data_set), str(tmp_path / "out"), "--task", "rating"]) == 2
    assert capsys.readouterr().err == (
        f"{data_set / missing} is not there. FOLDER must be the unpacked MovieLens 100k data set, "
        "with ua.base and ua.test: https://grouplens.org/datasets/movielens/100k/\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "line",
    ["1::10::5::874965758", "1\t10\t5", "944\t1\t5\t0", "1\t1683\t5\t0", "1\t1\t6\t0", "", "é\t1"],
)
def test_a_line_of_another_file_is_named(
    prepare: ModuleType,
    data_set: Path,
    tmp_path: Path,
    line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (data_set / "ua.base").write_text(TRAIN + line + "\n", encoding="utf-8")
    assert prepare.main([str(data_set), str(tmp_path / "out"), "--task", "rating"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"{data_set}/ua.base, line 5: ")
    assert "is not a user 1..943, a film 1..1682, a rating 1..5 and a time" in message


def test_an_empty_file_is_refused(prepare: ModuleType, data_set: Path, tmp_path: Path) -> None:
    (data_set / "ua.test").write_text("")
    with pytest.raises(prepare.PrepareError, match=r"ua\.test is empty"):
        prepare.prepare(data_set, tmp_path / "out", "rating", 1)


def test_a_place_that_cannot_be_written_is_named(
    prepare: ModuleType, data_set: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(prepare.PrepareError, match="out cannot be written: "):
        prepare.prepare(data_set, tmp_path / "out", "rating", 1)


@pytest.mark.parametrize("task", PUBLISHED)
def test_the_hyperparameters_are_the_published_ones(
    prepare: ModuleType, data_set: Path, tmp_path: Path, task: str
) -> None:
    prepare.prepare(data_set, tmp_path, task, 1)
    text = (tmp_path / "input/config/hyperparameters.json").read_text()
    read = Hyperparameters.from_strings(json.loads(text))
    own = (read.enc_dim, read.mini_batch_size, read.mlp_activation, read.mlp_dim, read.output_layer)
    assert own == PUBLISHED[task]
    assert (read.enc0.vocab_size, read.enc1.vocab_size) == (944, 1684)
    assert (read.enc0.max_seq_len, read.enc1.max_seq_len) == (1, 1)
    assert (read.enc0.network, read.enc1.network) == ("pooled_embedding", "pooled_embedding")
    assert (read.mlp_layers, read.optimizer, read.learning_rate) == (1, "adam", 0.001)
    assert (read.epochs, read.early_stopping_patience) == (20, 3)
    assert read.early_stopping_tolerance == 0.01


def test_the_whole_data_set_becomes_all_its_records(
    prepare: ModuleType, shared_folder: Path, tmp_path: Path
) -> None:
    data_set = shared_folder / "data/movielens-100k"
    if not data_set.is_dir():
        pytest.skip(f"no MovieLens 100k at {data_set}")
    counts = prepare.prepare(data_set, tmp_path, "recommend", 1)
    assert counts == {"train": 90570, "validation": 9430}
    lines = (data_set / "ua.base").read_text().splitlines()
    stars = Counter(int(line.split("\t")[2]) for line in lines)
    labels = Counter(label for _, _, label in read_records(tmp_path, "train"))
    assert labels == {0: stars[1] + stars[2] + stars[3], 1: stars[4] + stars[5]}
