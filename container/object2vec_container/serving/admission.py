"""How many requests a worker takes in at a time: bounds its threads and its memory."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from object2vec_container.serving.http_errors import UnavailableFault


class Admission:
    """Counts the requests under way and the bytes of their bodies.

    Args:
        requests: Requests at a time.
        bytes_: Bytes of bodies at a time.
        on_change: Told how many requests are under way, whenever that changes.
    """

    def __init__(
        self,
        requests: int,
        bytes_: int,
        on_change: Callable[[int], None] = lambda requests: None,
    ) -> None:
        self._requests = requests
        self._bytes = bytes_
        self._on_change = on_change
        self._lock = threading.Lock()
        self._requests_held = 0
        self._bytes_held = 0

    @property
    def requests_held(self) -> int:
        """Requests under way."""
        return self._requests_held

    @contextmanager
    def enter(self, size: int) -> Iterator[None]:
        """Hold a place for a request while the context lasts.

        Args:
            size: Bytes of its body. One body larger than all room is let in when it is alone.

        Raises:
            UnavailableFault: There is no place; the client should come again.
        """
        with self._lock:
            if self._requests_held >= self._requests:
                raise UnavailableFault(
                    f"The server is busy: {self._requests} requests are under way "
                    "(OBJECT2VEC_QUEUE_LENGTH). Try again."
                )
            if self._bytes_held and self._bytes_held + size > self._bytes:
                raise UnavailableFault(
                    f"The server is busy: the requests under way hold {self._bytes_held} bytes, "
                    f"and this one's {size} would exceed {self._bytes} (OBJECT2VEC_QUEUE_MB). "
                    "Try again."
                )
            self._change(1, size)
        try:
            yield
        finally:
            with self._lock:
                self._change(-1, -size)

    def _change(self, requests: int, bytes_: int) -> None:
        self._requests_held += requests
        self._bytes_held += bytes_
        self._on_change(self._requests_held)
