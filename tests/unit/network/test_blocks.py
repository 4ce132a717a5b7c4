"""Work in blocks: every place once, and errors come out."""

import numpy as np
import pytest

from object2vec.network import blocks
from object2vec.network.blocks import block_rows, for_blocks, for_shares, side_by_side


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


@pytest.mark.parametrize(("nanoseconds", "shares"), [(0, 1), (300_000, 1), (500_000, 2), (1e9, 5)])
def test_work_is_shared_where_a_share_is_worth_a_processor(nanoseconds, shares, monkeypatch):
    monkeypatch.setattr(blocks, "available_cpus", lambda: 5)
    found = []
    for_shares(100, nanoseconds, found.append)
    assert len(found) == shares
    assert sorted(place for block in found for place in range(100)[block]) == list(range(100))


def test_work_beside_other_work_may_be_in_blocks_itself():
    done = np.zeros(4, dtype=int)

    def count_up(place):
        def work():
            def add(block):
                done[place] += block.stop - block.start

            for_blocks(1000, 10, add) if place else for_blocks(1000, 1000, add)

        return work

    for _ in range(20):
        side_by_side(*(count_up(place) for place in range(4)))
    assert done[0] == 20_000
    # Several threads add to one place without a lock here, so only the helper's own are certain.
    assert (done[1:] == 20_000).all()


def test_an_error_beside_is_raised():
    def fail():
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        side_by_side(lambda: None, fail)
