"""Work on large arrays in blocks, on all processors.

NumPy lets other threads run while it computes, so threads are enough. Blocks have nothing to do
with one another: which thread does which changes no result. Products of matrices are divided the
same way, so NumPy's own library for them is kept to one thread: its threads wait for work by
spinning, and take the processors from all others.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import threadpoolctl

from object2vec.network.engine import available_cpus

# Elements a block: its weights, gradient and states stay in a core's cache while they are updated.
BLOCK_ELEMENTS = 1 << 16


@cache
def _pool() -> ThreadPoolExecutor:
    threadpoolctl.threadpool_limits(1, user_api="blas")
    # Numbers that run away show in the loss.
    return ThreadPoolExecutor(
        max(1, available_cpus() - 1),
        thread_name_prefix="blocks",
        initializer=lambda: np.seterr(over="ignore", invalid="ignore"),
    )


def block_rows(array: npt.NDArray[Any]) -> int:
    """Return how many rows of an array (n, m) make a block."""
    return max(1, BLOCK_ELEMENTS // array.shape[1])


def for_blocks(count: int, block_size: int, work: Callable[[slice], None]) -> None:
    """Call `work` with every block of 0 to `count`; return when all are done."""
    pool = _pool()
    blocks = iter(
        [slice(start, min(start + block_size, count)) for start in range(0, count, block_size)]
    )
    helpers = min(available_cpus(), -(-count // block_size)) - 1
    running = [pool.submit(_work_off, blocks, work) for _ in range(helpers)]
    try:
        _work_off(blocks, work)
    finally:
        for each in running:
            each.result()


def for_shares(count: int, work: Callable[[slice], None]) -> None:
    """Call `work` with as many equal blocks of 0 to `count` as there are processors."""
    for_blocks(count, max(1, -(-count // available_cpus())), work)


def _work_off(blocks: Iterator[slice], work: Callable[[slice], None]) -> None:
    for block in blocks:  # threads that share an iterator get every item once
        work(block)
