"""Which arrays stand in files, what is left of the files, and a disk that is full."""

import re
import resource
from pathlib import Path

import numpy as np
import pytest

from object2vec.data.array_space import (
    FOLDER_VARIABLE,
    MEBIBYTE,
    MEMORY_SHARE,
    MEMORY_VARIABLE,
    ArrayFile,
    ArraySpace,
)
from object2vec.errors import ClientError, PlatformError
from object2vec.memory import memory_limit


def test_memory_is_taken_and_given_back() -> None:
    space = ArraySpace(100)
    assert space.take(60)
    assert not space.take(41)
    assert space.take(40)
    space.give_back(60)
    assert space.take(60)


def test_a_file_has_no_name_and_its_array_outlives_it(tmp_path: Path) -> None:
    space = ArraySpace(0, tmp_path)
    file = space.new_file()
    file.append(np.arange(5, dtype=np.int32))
    file.append(np.arange(5, 10**6, dtype=np.int32))
    assert not list(tmp_path.iterdir())
    array = file.finish(np.dtype(np.int32))
    assert type(array) is np.ndarray
    assert not array.flags.writeable
    assert np.array_equal(array, np.arange(10**6))
    assert not list(tmp_path.iterdir())
    assert space.file_bytes == 4 * 10**6


def test_a_file_without_elements_is_an_array_without_elements(tmp_path: Path) -> None:
    array = ArraySpace(0, tmp_path).new_file().finish(np.dtype(np.int64))
    assert array.shape == (0,)
    assert array.dtype == np.int64


def test_a_full_disk_is_the_machine_s_fault_and_told_with_place_and_size() -> None:
    space = ArraySpace(0, Path("/dev"))
    full = ArrayFile(open("/dev/full", "wb", buffering=0), space)  # noqa: SIM115
    with pytest.raises(PlatformError) as error:
        full.append(np.zeros(2 * MEBIBYTE, dtype=np.uint8))
    assert re.fullmatch(
        r"The disk is full at /dev \(No space left on device\): the records read so far need 2 MiB "
        r"there, [\d,]+ MiB are left, and more of them are to be read\. Name a folder with more "
        r"space in OBJECT2VEC_DATA_FOLDER, give the job a larger volume \(VolumeSizeInGB\), or "
        r"allow the records more memory with OBJECT2VEC_DATA_MEMORY_MB\.",
        str(error.value),
    )


def test_a_file_that_may_grow_no_more_is_told_like_a_full_disk(tmp_path: Path) -> None:
    space = ArraySpace(0, tmp_path)
    file = space.new_file()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(PlatformError, match=r"^The disk is full at .*File too large"):
            file.append(np.zeros(1001, dtype=np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"No temporary file can be made in .*gone: No such"):
        ArraySpace(0, tmp_path / "gone").new_file()


def test_without_variables_it_is_a_quarter_of_memory_and_the_folder_of_temporary_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    space = ArraySpace.from_variables({MEMORY_VARIABLE: " ", FOLDER_VARIABLE: ""})
    assert space.folder == tmp_path
    assert space.take(memory_limit() // MEMORY_SHARE)
    assert not space.take(1)


def test_the_variables_say_how_much_and_where(tmp_path: Path) -> None:
    space = ArraySpace.from_variables({MEMORY_VARIABLE: " 3 ", FOLDER_VARIABLE: str(tmp_path)})
    assert space.folder == tmp_path
    assert space.take(3 * MEBIBYTE)
    assert not space.take(1)


@pytest.mark.parametrize("text", ["-1", "1.5", "much", "²", str(2**30 + 1)])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(
        ClientError, match=f"{MEMORY_VARIABLE}=.* allowed: whole MiB, 0..1073741824"
    ):
        ArraySpace.from_variables({MEMORY_VARIABLE: text})


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match=f"{FOLDER_VARIABLE}=.*names no folder that can be"):
        ArraySpace.from_variables({FOLDER_VARIABLE: str(tmp_path / "none")})
