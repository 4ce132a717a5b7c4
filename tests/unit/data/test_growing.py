"""Arrays that grow hold what they were given, wherever they stand."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data.array_space import ArraySpace
from object2vec.data.growing import GrowingArray


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), max_size=8),
    memory_bytes=st.sampled_from([0, 8 * 1024, 30_000, 10**6]),
)
def test_what_was_added_is_there_in_its_order(sizes: list[int], memory_bytes: int) -> None:
    space = ArraySpace(memory_bytes)
    array = GrowingArray(np.int64, space)
    everything = np.arange(sum(sizes))
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        array.extend(everything[start : start + size])
    assert len(array) == sum(sizes)
    finished = array.finish()
    assert finished.dtype == np.int64
    assert np.array_equal(finished, everything)
    in_memory = 0 if space.file_bytes else finished.nbytes
    assert space.take(memory_bytes - in_memory), "memory that nothing holds is given back"
    assert not space.take(1)


def test_arrays_together_may_take_so_much_and_one_moves_to_a_file(tmp_path: Path) -> None:
    space = ArraySpace(16 * 1024, tmp_path)
    first, second = GrowingArray(np.int64, space), GrowingArray(np.int64, space)
    first.extend(np.arange(1024))
    second.extend(np.arange(1024))
    assert space.file_bytes == 0
    second.extend(np.arange(1024, 1025))
    assert space.file_bytes == 8 * 1025
    first.extend(np.arange(1024, 2048))  # takes what the second gave back
    assert space.file_bytes == 8 * 1025
    assert np.array_equal(second.finish(), np.arange(1025))
    assert np.array_equal(first.finish(), np.arange(2048))


@pytest.mark.parametrize("space", [None, ArraySpace(0)], ids=["memory", "file"])
def test_an_array_of_nothing_is_empty(space: ArraySpace | None) -> None:
    assert GrowingArray(np.float32, space).finish().shape == (0,)
