"""Work on large arrays in blocks, on all processors.

NumPy lets other threads run while it computes, so threads are enough. Blocks have nothing to do
with one another: which thread does which changes no result. Products of matrices are divided the
same way, so NumPy's own library for them is kept to one thread: its threads wait for work by
spinning, and take the processors from all others.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt
import threadpoolctl

from object2vec.network.engine_settings import available_cpus

# Elements a block: its weights, gradient and states stay in a core's cache while they are updated.
BLOCK_ELEMENTS = 1 << 17

# For less another processor is not worth the hand-over, some 50 microseconds.
_LEAST_NANOSECONDS = 200_000
# What one processor does in a nanosecond, roughly.
MULTIPLY_ADDS_A_NANOSECOND = 45

_thread = local()


def _begin_helper() -> None:
    _thread.is_helper = True
    np.seterr(over="ignore", invalid="ignore")  # numbers that run away show in the loss


@cache
def _pool() -> ThreadPoolExecutor:
    threadpoolctl.threadpool_limits(1, user_api="blas")
    return ThreadPoolExecutor(
        max(1, available_cpus() - 1), thread_name_prefix="blocks", initializer=_begin_helper
    )


def _helpers(tasks: int) -> int:
    """Return how many threads may help with so many tasks; a helper has none."""
    return 0 if hasattr(_thread, "is_helper") else min(available_cpus(), tasks) - 1


def block_rows(array: npt.NDArray[Any]) -> int:
    """Return how many rows of an array (n, m) make a block."""
    return max(1, BLOCK_ELEMENTS // array.shape[1])


def for_blocks(count: int, block_size: int, work: Callable[[slice], None]) -> None:
    """Call `work` with every block of 0 to `count`; return when all are done."""
    pool = _pool()
    blocks = iter(
        [slice(start, min(start + block_size, count)) for start in range(0, count, block_size)]
    )
    helpers = _helpers(-(-count // block_size))
    running = [pool.submit(_work_off, blocks, work) for _ in range(helpers)]
    try:
        _work_off(blocks, work)
    finally:
        for each in running:
            each.result()


def for_shares(count: int, nanoseconds: float, work: Callable[[slice], None]) -> None:
    """Call `work` with equal blocks of 0 to `count`, as many as processors are worth having.

    Args:
        count: The places to work on.
        nanoseconds: About how long one processor would take for all of them.
        work: Takes a block.
    """
    shares = max(1, min(available_cpus(), int(nanoseconds / _LEAST_NANOSECONDS)))
    for_blocks(count, max(1, -(-count // shares)), work)


def product(
    left: npt.NDArray[Any], right: npt.NDArray[Any], out: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Return the product of matrices (n, k) and (k, m), every processor making some columns."""
    made = np.empty((len(left), right.shape[1]), dtype=left.dtype) if out is None else out

    def multiply(columns: slice) -> None:
        np.matmul(left, right[:, columns], out=made[:, columns])

    for_shares(made.shape[1], left.size * made.shape[1] / MULTIPLY_ADDS_A_NANOSECOND, multiply)
    return made


def side_by_side(first: Callable[[], None], *others: Callable[[], None]) -> None:
    """Call `first` here, and the others in turn in a helper, which then helps `first`."""

    def run_others() -> None:
        for each in others:
            each()

    running = _pool().submit(run_others) if others and _helpers(2) else None
    try:
        first()
    finally:
        if running:
            running.result()
        else:
            run_others()


def _work_off(blocks: Iterator[slice], work: Callable[[slice], None]) -> None:
    for block in blocks:  # threads that share an iterator get every item once
        work(block)
