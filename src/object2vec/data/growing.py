"""Arrays that grow at their end while a file is read, without ever standing in memory twice."""

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

ScalarT = TypeVar("ScalarT", bound=np.generic)


class GrowingArray(Generic[ScalarT]):
    """A flat array with room to spare at its end.

    It grows by an eighth: at most that much is idle, and each element is moved a few times. The
    move is a `realloc`, which for large arrays remaps pages and copies nothing.
    """

    def __init__(self, dtype: type[ScalarT]) -> None:
        self._room: npt.NDArray[ScalarT] = np.empty(1024, dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def extend(self, chunk: npt.NDArray[ScalarT]) -> None:
        """Add the elements of `chunk`, (n,)."""
        size = self._size + chunk.size
        if size > self._room.size:
            # No view of the room exists outside of this class, so it may move.
            self._room.resize(max(size, self._room.size * 9 // 8), refcheck=False)
        self._room[self._size : size] = chunk
        self._size = size

    def finish(self) -> npt.NDArray[ScalarT]:
        """Return the elements as an array of exactly their number; the growing ends here."""
        finished = self._room
        finished.resize(self._size, refcheck=False)
        self._room = np.empty(0, dtype=finished.dtype)
        self._size = 0
        return finished
