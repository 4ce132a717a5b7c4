"""A model folder from a stranger can do nothing but be refused."""

import io
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz.model_target import write_model
from tests.security.folders import change_manifest, first_array, replace_array

from object2vec.errors import ClientError, PlatformError
from object2vec.network import engine, restoration
from object2vec.network.restoration import restore
from object2vec.saved_model import MANIFEST, SavedModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model")
    return tmp_path / "model"


def refusal(folder: Path, verify: bool = True) -> str:
    with pytest.raises(ClientError) as caught:
        restore(SavedModel.open(folder, verify=verify), engine.device(0))
    return str(caught.value)


class Payload:
    """Makes a folder where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.place),)


def test_no_pickle_is_ever_loaded(folder: Path, tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.array([Payload(tmp_path / "ran")], dtype=object), allow_pickle=True)
    replace_array(folder, content.getvalue())
    for verify in (True, False):
        assert "is no array file" in refusal(folder, verify)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../secret-0123456789abcdef.npy",
        "/etc/passwd",
        ".hidden/../../secret.partial",
        "a/../secret-0123456789abcdef.npy",
        "",
        ".",
    ],
)
def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    array, path = first_array(folder)
    shutil.copy(path, folder.parent / "secret-0123456789abcdef.npy")
    shutil.copy(path, folder.parent / "secret.partial")
    (folder / ".hidden").mkdir()
    change_manifest(folder, lambda manifest: manifest["arrays"][array].update(file=name))
    assert "is no name of a model's file" in refusal(folder)


@pytest.mark.parametrize("of_manifest", [True, False])
def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path, of_manifest: bool) -> None:
    path = folder / MANIFEST if of_manifest else first_array(folder)[1]
    outside = folder.parent / "outside"
    path.rename(outside)
    path.symlink_to(outside)
    assert f"{path} is no plain file of the model folder" in refusal(folder)


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    """As where a volume is mounted by links to a folder of its newest version."""
    (folder / "..data").mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(folder / "..data" / path.name)
        path.symlink_to(Path("..data") / path.name)
    restore(SavedModel.open(folder), engine.device(0))


@pytest.mark.parametrize("of_manifest", [True, False])
def test_a_pipe_is_refused_and_not_waited_for(folder: Path, of_manifest: bool) -> None:
    path = folder / MANIFEST if of_manifest else first_array(folder)[1]
    path.unlink()
    os.mkfifo(path)
    assert "is no plain file" in refusal(folder)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(4294967296, 4294967296)", "(3,) * 99"])
def test_a_header_that_claims_more_than_the_file_holds_is_refused(folder: Path, shape: str) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    replace_array(folder, b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode())
    for verify in (True, False):
        assert "is no array file" in refusal(folder, verify)


def test_a_header_is_not_evaluated(folder: Path) -> None:
    text = "(" * 9000 + ")" * 9000
    replace_array(folder, b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode())
    assert "its header is not of NumPy's form" in refusal(folder)


def test_hyperparameters_of_a_large_network_take_no_memory(folder: Path) -> None:
    large = {"enc_dim": "10000", "mlp_dim": "10000", "mlp_layers": "10"}
    change_manifest(folder, lambda manifest: manifest["hyperparameters"].update(large))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "the network of the hyperparameters beside it needs" in refusal(folder)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 200e6, "4 GB would be its weights"


def test_a_vocabulary_larger_than_can_be_is_refused(folder: Path) -> None:
    change_manifest(
        folder, lambda manifest: manifest["hyperparameters"].update(enc0_vocab_size=str(10**12))
    )
    assert "'enc0_vocab_size' should be within range (2, 3000000)" in refusal(folder)


def test_a_sparse_file_is_refused_unread(folder: Path) -> None:
    name = next(path.name for path in folder.glob("vocabulary_in0-*"))
    size = 1 << 40
    change_manifest(folder, lambda manifest: manifest["vocabularies"]["in0"].update(bytes=size))
    os.truncate(folder / name, size)
    assert f"{name} has {size} bytes, more than" in refusal(folder)
    os.truncate(folder / MANIFEST, size)
    assert "model.json has more than" in refusal(folder)


def test_a_network_larger_than_memory_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoration, "memory_limit", lambda: 50)
    with pytest.raises(PlatformError, match="bytes of memory, this machine has 50"):
        restore(SavedModel.open(folder), engine.device(0))


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_nesting_is_refused(folder: Path, depth: int) -> None:
    text = (folder / MANIFEST).read_text()
    deep = "[" * depth + "]" * depth
    (folder / MANIFEST).write_text(text.replace('"format_version": 1', f'"format_version": {deep}'))
    assert "model.json" in refusal(folder)


def test_an_unreadable_folder_is_the_machine_s_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(PlatformError, match="Input/output error"):
        SavedModel.open(folder)
