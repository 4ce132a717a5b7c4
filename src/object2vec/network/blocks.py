"""Work on large arrays in blocks that fit a core's cache, on all processors.

NumPy lets other threads run while it computes, so threads are enough. Blocks have nothing to do
with one another: which thread does which changes no result.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from object2vec.network.engine import available_cpus

# Elements a block: its weights, gradient and states stay in a core's cache while they are updated.
BLOCK_ELEMENTS = 1 << 16


@cache
def _pool() -> ThreadPoolExecutor:
    # Numbers that run away show in the loss.
    return ThreadPoolExecutor(
        available_cpus(),
        thread_name_prefix="blocks",
        initializer=lambda: np.seterr(over="ignore", invalid="ignore"),
    )


def block_rows(array: npt.NDArray[Any]) -> int:
    """Return how many rows of an array (n, m) make a block."""
    return max(1, BLOCK_ELEMENTS // array.shape[1])


def for_blocks(count: int, block_size: int, work: Callable[[slice], None]) -> None:
    """Call `work` with every block of 0 to `count`; return when all are done."""
    blocks = [slice(start, min(start + block_size, count)) for start in range(0, count, block_size)]
    if len(blocks) <= 1 or available_cpus() == 1:
        for block in blocks:
            work(block)
        return
    for _ in _pool().map(work, blocks):  # raises what a block raised
        pass
