"""Arrays mapped from files of NumPy's format."""

from pathlib import Path

import numpy as np
import pytest

from object2vec.array_files import map_array
from object2vec.durable_files import npy_header


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 3), (0, 4)])
@pytest.mark.parametrize("is_own", [True, False])
def test_what_numpy_and_the_program_write_is_read(
    tmp_path: Path, shape: tuple[int, ...], is_own: bool
) -> None:
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    path = tmp_path / "array.npy"
    if is_own:
        path.write_bytes(npy_header(array) + array.tobytes())
    else:
        np.save(path, array)
    found = map_array(path)
    np.testing.assert_array_equal(found, array, strict=True)
    assert isinstance(found, np.memmap) or not array.size
    assert not found.flags.writeable or not array.size


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros(3), "'<f8'"),
        (np.zeros(3, ">f4"), "'>f4'"),
        (np.asfortranarray(np.zeros((2, 3), np.float32)), "in rows"),
        (np.zeros(3, [("a", "<f4")]), "form"),
    ],
)
def test_other_numbers_are_refused(
    tmp_path: Path, array: np.ndarray[object, np.dtype[object]], problem: str
) -> None:
    np.save(tmp_path / "array.npy", array)
    with pytest.raises(ValueError, match=problem):
        map_array(tmp_path / "array.npy")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "array.npy"
    np.save(path, np.ones((2, 2), np.float32))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"it |its "):
            map_array(path)
