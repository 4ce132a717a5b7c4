"""Arrays that grow at their end while a file is read, without ever standing in memory twice."""

import sys
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from object2vec.data.array_space import ArrayFile, ArraySpace

ScalarT = TypeVar("ScalarT", bound=np.generic)


class GrowingArray(Generic[ScalarT]):
    """A flat array with room to spare at its end; it moves to a file where memory has no room.

    In memory it grows by an eighth: at most that much is idle, and each element is moved a few
    times. The move is a `realloc`, which for large arrays remaps pages and copies nothing.

    Args:
        dtype: Of the elements.
        space: What says whether memory has room, shared by a job's arrays; None always has room.
    """

    def __init__(self, dtype: type[ScalarT], space: ArraySpace | None = None) -> None:
        self._room: npt.NDArray[ScalarT] = np.empty(0, dtype=dtype)
        self._space = space or ArraySpace(memory_bytes=sys.maxsize)
        self._file: ArrayFile | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, chunk: npt.NDArray[ScalarT]) -> None:
        """Add the elements of `chunk`, (n,).

        Raises:
            PlatformError: The array stands in a file, and the disk is full.
        """
        size = self._size + chunk.size
        if self._file is None and size > self._room.size:
            self._grow(max(size, self._room.size * 9 // 8, 1024))
        if self._file is not None:
            self._file.append(chunk)
        else:
            self._room[self._size : size] = chunk
        self._size = size

    def finish(self) -> npt.NDArray[ScalarT]:
        """Return the elements as an array of exactly their number; the growing ends here.

        It can be written to only where it stands in memory.
        """
        if self._file is not None:
            return self._file.finish(self._room.dtype)
        finished = self._room
        self._space.give_back(self._bytes(finished.size - self._size))
        finished.resize(self._size, refcheck=False)
        self._room = np.empty(0, dtype=finished.dtype)
        self._size = 0
        return finished

    def _grow(self, count: int) -> None:
        """Make room for `count` elements, or move those that are there to a file."""
        if self._space.take(self._bytes(count - self._room.size)):
            # No view of the room exists outside of this class, so it may move.
            self._room.resize(count, refcheck=False)
            return
        self._file = self._space.new_file()
        self._file.append(self._room[: self._size])
        self._space.give_back(self._bytes(self._room.size))
        self._room = np.empty(0, dtype=self._room.dtype)

    def _bytes(self, count: int) -> int:
        dtype: np.dtype[Any] = self._room.dtype
        return count * dtype.itemsize
