"""The model folder: what is written is read; whatever stops a writer, a whole model is there."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from object2vec.data.vocabulary import Vocabulary
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import MANIFEST, ModelWriter, SavedModel

HYPERPARAMETERS = Hyperparameters.from_strings(
    {"enc0_max_seq_len": "3", "enc0_vocab_size": "5", "enc0_network": "pooled_embedding"}
)
TRAINING = {"best_epoch": 0, "best_loss": 0.5, "loss": "train cross_entropy", "epochs": []}


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(3)
    return {
        name: generator.normal(size=shape).astype(np.float32)
        for name, shape in {"table": (5, 4), "bias": (2,)}.items()
    }


@pytest.fixture
def folder(tmp_path: Path, arrays: dict[str, np.ndarray]) -> Path:
    vocabularies = (Vocabulary({"cat": 1, "chien méchant": 2}), None)
    ModelWriter(tmp_path / "model", HYPERPARAMETERS, vocabularies).save(arrays, TRAINING)
    return tmp_path / "model"


def file_of(folder: Path, name: str) -> Path:
    return next(folder.glob(f"{name}-*"))


def change_manifest(folder: Path, **parts: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **parts}))


def test_what_was_saved_is_opened_equal(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    model = SavedModel.open(folder)
    assert model.hyperparameters == HYPERPARAMETERS
    assert model.training == TRAINING
    assert model.vocabularies == (Vocabulary({"cat": 1, "chien méchant": 2}), None)
    assert set(model.arrays) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(model.arrays[name], array)


def test_arrays_are_mapped_not_read(folder: Path) -> None:
    assert all(isinstance(array, np.memmap) for array in SavedModel.open(folder).arrays.values())


def test_a_model_is_read_without_this_project(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    program = (
        "import json, sys, numpy\n"
        "folder = sys.argv[1]\n"
        "model = json.load(open(folder + '/model.json'))\n"
        "file = model['arrays']['table']['file']\n"
        "print(numpy.load(folder + '/' + file, allow_pickle=False).sum(dtype='float64'))\n"
        "assert not any(name.startswith('object2vec') for name in sys.modules)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-I", "-c", program, str(folder)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert float(printed.stdout) == arrays["table"].sum(dtype="float64")


def test_a_later_save_leaves_nothing_of_the_former(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    writer = ModelWriter(tmp_path, HYPERPARAMETERS, (None, None))
    (tmp_path / "notes.txt").write_text("a user's own file stays")
    writer.save(arrays, TRAINING)
    writer.save({name: array + 1 for name, array in arrays.items()}, TRAINING)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".npy", ".npy", ".txt"]
    np.testing.assert_array_equal(SavedModel.open(tmp_path).arrays["bias"], arrays["bias"] + 1)


def test_describe_replaces_what_is_told_and_keeps_the_arrays(
    tmp_path: Path, arrays: dict[str, np.ndarray]
) -> None:
    writer = ModelWriter(tmp_path, HYPERPARAMETERS, (None, None))
    writer.save(arrays, TRAINING)
    writer.describe({**TRAINING, "best_loss": 0.25})
    model = SavedModel.open(tmp_path)
    assert model.training["best_loss"] == 0.25
    np.testing.assert_array_equal(model.arrays["table"], arrays["table"])


WRITER = """
import sys, numpy
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from object2vec.hyperparameters import Hyperparameters
from object2vec.saved_model import ModelWriter
hyperparameters = Hyperparameters.from_strings({"enc0_max_seq_len": "3", "enc0_vocab_size": "5"})
writer = ModelWriter(Path(sys.argv[1]), hyperparameters, (None, None))
for number in range(int(sys.argv[2]), 1_000_000):
    writer.save(
        {name: numpy.full(4000, number, dtype=numpy.float32) for name in ("left", "right")},
        {"number": number},
    )
    print("saved", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_model(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "src"
    moments = random.Random(5)
    seen = set()
    for run in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(1000 * run), str(source)],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        time.sleep(moments.uniform(0, 0.05))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        model = SavedModel.open(tmp_path)
        number = model.training["number"]
        assert set(np.unique([model.arrays["left"], model.arrays["right"]])) == {number}
        seen.add(number)
    assert len(seen) == 6
    # What the killed writers left behind goes with the next save.
    ModelWriter(tmp_path, HYPERPARAMETERS, (None, None)).save({}, TRAINING)
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=r"^There is no model folder .*/absent\.$"):
        SavedModel.open(tmp_path / "absent")


def test_a_folder_without_a_manifest_is_told_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "model_algo-1").write_bytes(b"")
    with pytest.raises(ClientError) as caught:
        SavedModel.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/model.json is missing, so {tmp_path} is no model folder (it holds "
        "model_algo-1). A finished training job writes one; an unpacked model.tar.gz is one."
    )


def test_a_cut_off_manifest_is_told(folder: Path) -> None:
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text[: len(text) // 2])
    with pytest.raises(ClientError, match=r"model\.json is not JSON .*: the file was cut off"):
        SavedModel.open(folder)


def test_a_newer_format_is_refused_with_both_versions(folder: Path) -> None:
    change_manifest(folder, format_version=2)
    with pytest.raises(ClientError, match="format version 2; this program reads versions 1 to 1"):
        SavedModel.open(folder)


@pytest.mark.parametrize("version", [None, "1", True, 0, 1.5])
def test_a_format_version_that_is_none_is_refused(folder: Path, version: object) -> None:
    change_manifest(folder, format_version=version)
    with pytest.raises(ClientError, match=r"format_version is .*, must be an integer"):
        SavedModel.open(folder)


def test_another_programs_manifest_is_refused(folder: Path) -> None:
    change_manifest(folder, format="other")
    with pytest.raises(ClientError, match="does not describe an Object2Vec model"):
        SavedModel.open(folder)


@pytest.mark.parametrize("part", ["hyperparameters", "arrays", "vocabularies", "training"])
@pytest.mark.parametrize("value", [None, 3, ["x"], "text"])
def test_a_manifest_with_a_part_of_the_wrong_kind_is_refused(
    folder: Path, part: str, value: object
) -> None:
    change_manifest(folder, **{part: value})
    with pytest.raises(ClientError, match=r"model\.json"):
        SavedModel.open(folder)


def test_a_missing_array_file_is_named(folder: Path) -> None:
    path = file_of(folder, "table")
    path.unlink()
    with pytest.raises(ClientError, match=f"{path.name} is missing, though model.json names it"):
        SavedModel.open(folder)


def test_a_truncated_array_file_is_named_with_both_sizes(folder: Path) -> None:
    path = file_of(folder, "table")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ClientError, match=f"{path.name} has 205 bytes, must have 208"):
        SavedModel.open(folder)


@pytest.mark.parametrize("name", ["table", "vocabulary_in0"])
def test_a_file_with_one_changed_bit_is_named(folder: Path, name: str) -> None:
    path = file_of(folder, name)
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ClientError, match=f"{path.name} was changed: its SHA-256 is not that"):
        SavedModel.open(folder)


def test_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["arrays"]["table"]["file"] = "../table-0123456789abcdef.npy"
    change_manifest(folder, arrays=manifest["arrays"])
    with pytest.raises(ClientError, match="is no name of a model's file"):
        SavedModel.open(folder)


def test_an_array_of_objects_is_never_unpickled(folder: Path) -> None:
    path = file_of(folder, "table")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["arrays"]["table"]["bytes"] = path.stat().st_size
    change_manifest(folder, arrays=manifest["arrays"])
    with pytest.raises(ClientError, match="is no array file"):
        SavedModel.open(folder, verify=False)
