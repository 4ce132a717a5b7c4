"""SIGTERM in a training: the platform or `docker stop` wants it to end, now and in good order.

The signal raises an exception in the main thread, which unwinds the job; files are written under
other names and renamed, so nothing half written stays. An exception that is raised while Python
runs a destructor is lost, so it is raised again until somebody has caught it.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN_SECONDS = 0.25
KILLED = 128 + signal.SIGTERM


class StopRequested(BaseException):
    """Somebody wants the program to end."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise StopRequested in the context on SIGTERM; end the process at once on a second one."""
    in_context = True

    def request_stop(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, _end_at_once)
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        if in_context:
            raise StopRequested

    before = [
        (number, signal.signal(number, request_stop)) for number in (signal.SIGTERM, signal.SIGALRM)
    ]
    try:
        yield
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
