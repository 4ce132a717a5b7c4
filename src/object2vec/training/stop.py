"""A request to stop a training early, as the training sees it; who makes it is another's affair."""

from collections.abc import Iterator
from contextlib import contextmanager


class StopRequested(BaseException):
    """Somebody wants the training to end, now and in good order."""


class Stop:
    """Whether a stop was asked for; this one never is.

    Where nothing is said, a request raises StopRequested in the main thread at once.
    """

    @property
    def is_requested(self) -> bool:
        """Whether somebody wants the training to end."""
        return False

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let a request wait until the end of the context, and raise StopRequested there."""
        yield
