"""Work in blocks: every place once, and errors come out."""

import numpy as np
import pytest

from object2vec.network.blocks import block_rows, for_blocks


@pytest.mark.parametrize(("count", "size"), [(0, 4), (1, 4), (4, 4), (5, 4), (1000, 7)])
def test_every_place_is_worked_on_once(count, size):
    done = np.zeros(count, dtype=int)

    def work(block):
        assert block.stop - block.start <= size
        done[block] += 1

    for_blocks(count, size, work)
    assert (done == 1).all()


def test_an_error_in_a_block_is_raised():
    def work(block):
        if block.start == 500:
            raise ValueError(f"block at {block.start}")

    with pytest.raises(ValueError, match="block at 500"):
        for_blocks(1000, 10, work)


def test_a_row_wider_than_a_block_is_one():
    assert block_rows(np.zeros((2, 1 << 20), dtype=np.float32)) == 1
