"""A model folder as model.tar.gz and back, and archives that are none."""

import io
import tarfile
from pathlib import Path

import pytest

from object2vec.errors import ClientError
from object2vec.launcher.model_archive import model_folder, packed, unpack


def write_archive(path: Path, member: tarfile.TarInfo, content: bytes = b"") -> Path:
    member.size = len(content)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(member, io.BytesIO(content))
    return path


def test_a_folder_comes_back_as_it_went(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    (folder / "a.npy").write_bytes(b"\0\1")
    with packed(folder) as archive:
        assert archive.name == "model.tar.gz"
        with tarfile.open(archive) as tar:
            assert sorted(tar.getnames()) == ["a.npy", "model.json"]
        unpack(archive, tmp_path / "back")
        with model_folder(archive) as unpacked:
            assert (unpacked / "a.npy").read_bytes() == b"\0\1"
    assert not archive.exists()
    assert not unpacked.exists()
    assert (tmp_path / "back/model.json").read_text() == "{}"


def test_an_archive_of_a_folder_named_dot_is_read(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.json").write_text("{}")
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as tar:  # as the service packs it
        tar.add(tmp_path / "model", ".")
    unpack(tmp_path / "model.tar.gz", tmp_path / "back")
    assert (tmp_path / "back/model.json").read_text() == "{}"


def test_a_folder_is_its_own_model_folder(tmp_path: Path) -> None:
    with model_folder(tmp_path) as folder:
        assert folder == tmp_path


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_nothing_is_written_outside_the_folder(tmp_path: Path, name: str) -> None:
    archive = write_archive(tmp_path / "model.tar.gz", tarfile.TarInfo(name), b"x")
    with pytest.raises(ClientError, match="leads out of the model's folder"):
        unpack(archive, tmp_path / "a/b")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["model.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_model_is_plain_files_only(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("link")
    member.type, member.linkname = kind, "/etc/passwd"
    archive = write_archive(tmp_path / "model.tar.gz", member)
    with pytest.raises(ClientError, match="'link', which is no plain file"):
        unpack(archive, tmp_path / "a")
    assert list((tmp_path / "a").iterdir()) == []


def test_an_archive_that_is_none_or_cut_short_is_refused(tmp_path: Path) -> None:
    archive = write_archive(
        tmp_path / "model.tar.gz", tarfile.TarInfo("a"), bytes(range(256)) * 4000
    )
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(ClientError, match=r"model.tar.gz is no whole archive"):
        unpack(archive, tmp_path / "a")
    archive.write_text("hello")
    with pytest.raises(ClientError, match=r"model.tar.gz is no whole archive"):
        unpack(archive, tmp_path / "b")
