"""SIGTERM in a training: the platform or `docker stop` wants it to end, now and in good order.

The signal raises an exception in the main thread, which unwinds the job, or waits until what must
not be cut off has come to its end; files are written under other names and renamed, so nothing half
written stays. An exception that is raised while Python runs a destructor is lost, so it is raised
again until somebody has caught it.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from object2vec.training.stop import Stop, StopRequested

_AGAIN_SECONDS = 0.25
KILLED = 128 + signal.SIGTERM


class SignalledStop(Stop):
    """Whether SIGTERM has come."""

    def __init__(self) -> None:
        self._is_requested = False
        self._is_deferred = False

    @property
    def is_requested(self) -> bool:  # noqa: D102
        return self._is_requested

    @contextmanager
    def deferred(self) -> Iterator[None]:  # noqa: D102
        outer, self._is_deferred = self._is_deferred, True
        try:
            yield
        finally:
            self._is_deferred = outer
        if self._is_requested and not outer:
            raise StopRequested

    def request(self) -> None:
        """Note that somebody asks, and raise StopRequested unless that is to wait."""
        self._is_requested = True
        if not self._is_deferred:
            raise StopRequested


@contextmanager
def stoppable() -> Iterator[SignalledStop]:
    """Raise StopRequested in the context on SIGTERM; end the process at once on a second one."""
    in_context = True
    stop = SignalledStop()

    def request_stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, _end_at_once)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        if in_context:
            stop.request()

    before = [
        (number, signal.signal(number, request_stop)) for number in (signal.SIGTERM, signal.SIGALRM)
    ]
    try:
        yield stop
    finally:
        in_context = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        if signal.getsignal(signal.SIGTERM) is not _end_at_once:
            signal.signal(*before[0])
        signal.signal(*before[1])


def request() -> None:
    """Have StopRequested raised in the main thread, from any thread."""
    # SIGALRM, as a SIGTERM of the platform may still come, and the second one ends at once.
    signal.setitimer(signal.ITIMER_REAL, 0.001, _AGAIN_SECONDS)


def refuse_further_requests() -> None:
    """Let the main thread end what it is ending; the process must end itself after that."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(KILLED)
