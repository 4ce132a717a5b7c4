"""The next item prepared in another thread, while the present one is worked with."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


def ahead(items: Iterable[Item], prepare: Callable[[Item], Prepared]) -> Iterator[Prepared]:
    """Yield every item prepared, in order; items are drawn and prepared in one thread, one early.

    What drawing or preparing raises is raised where its item would be yielded.
    """
    source = iter(items)

    def draw() -> tuple[Prepared] | None:
        for item in source:
            return (prepare(item),)
        return None

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(draw)
        while (prepared := coming.result()) is not None:
            coming = thread.submit(draw)
            yield prepared[0]
