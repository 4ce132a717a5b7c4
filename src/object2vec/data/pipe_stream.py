"""The bytes of a named pipe, which may come late, in any pieces, or not at all.

The pipe is opened without waiting for its writer, and every wait has an end: a job whose writer
never comes, or dies, must fail with a reason and not hang. Waits are short ones in turn, so that a
signal's exception is raised at once.
"""

import io
import os
import select
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from object2vec.errors import ClientError, PlatformError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LOOK_SECONDS = 0.05
_WAIT_SECONDS = 0.5  # of one wait: a signal may be another thread's, and not end it
# A platform that makes pipes makes no folder; but it may have begun with one.
_FOLDER_SECONDS = 5.0


class PipeStream(io.RawIOBase):
    """A pipe, open for reading; each read fills its buffer or comes to the stream's end.

    Args:
        path: The pipe, or a regular file in its place.
        descriptor: It, opened without blocking.
        seconds: How long to wait for the first byte, and for each further piece.
        advice: What to do about a writer that does not write, for a message.

    Attributes:
        bytes_read: What has come so far.
    """

    def __init__(self, path: Path, descriptor: int, seconds: float, advice: str) -> None:
        super().__init__()
        self._path = path
        self._descriptor = descriptor
        self._seconds = seconds
        self._advice = advice
        self._has_ended = False
        # Not `select`: it takes no descriptor above 1023.
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self.bytes_read = 0

    def readable(self) -> bool:  # noqa: D102
        return True

    def close(self) -> None:  # noqa: D102
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill `buffer`, and return how many bytes there are in it: fewer only at the end.

        Raises:
            PlatformError: Nothing came for too long.
        """
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and not self._has_ended:
            self._wait()
            try:
                count = os.readv(self._descriptor, [view[filled:]])
            except BlockingIOError:
                continue
            # Without a writer a pipe reads as ended, but the wait is over only after one has come.
            self._has_ended = not count
            filled += count
            self.bytes_read += count
        return filled

    def _wait(self) -> None:
        """Wait until there are bytes, or the last writer has gone."""
        deadline = time.monotonic() + self._seconds
        while not self._poll.poll(1000 * min(_WAIT_SECONDS, self._seconds)):
            if time.monotonic() >= deadline:
                raise PlatformError(self._say_silent())

    def _say_silent(self) -> str:
        if not self.bytes_read:
            came = "nobody has written to it, nor opened it for writing and closed it"
        else:
            came = f"its writer stopped after {self.bytes_read} bytes, but keeps it open"
        return (
            f"{self._path}: no data came through this pipe for {self._seconds:g} s; {came}. "
            f"{self._advice}"
        )


def open_pipe(path: Path, folder: Path, name: str, seconds: float, advice: str) -> PipeStream:
    """Wait until there is a pipe, and open it for reading.

    Args:
        path: The pipe, or a regular file in its place.
        folder: Where the channel would stand in File mode; if it does, there is not much to wait
            for.
        name: The channel's name, for messages.
        seconds: How long to wait for the pipe, for its first byte, and for each further piece.
        advice: What to do where one of them does not come, for a message.

    Raises:
        ClientError: There is something else in the pipe's place, or the channel's folder.
        PlatformError: There is nothing, or it cannot be opened.
    """
    started = time.monotonic()
    while not path.exists():
        waited = time.monotonic() - started
        if waited >= min(_FOLDER_SECONDS, seconds) and folder.exists():
            raise ClientError(
                f"Channel '{name}': TrainingInputMode is 'Pipe', but there is no pipe {path}, only "
                f"{folder}, which is how data stands in File mode. Use 'File' (or 'FastFile')."
            )
        if waited >= seconds:
            raise PlatformError(_say_missing(path, name, seconds, advice))
        time.sleep(min(_LOOK_SECONDS, seconds))
    try:
        kind = path.stat().st_mode
        if not (stat.S_ISFIFO(kind) or stat.S_ISREG(kind)):
            what = "a folder" if stat.S_ISDIR(kind) else "neither"
            raise ClientError(
                f"Channel '{name}': {path} must be a pipe (or a regular file that holds what the "
                f"pipe would give), and is {what}. Make it with mkfifo, or use File mode."
            )
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PlatformError(f"{path} cannot be opened: {error.strerror or error}.") from error
    return PipeStream(path, descriptor, seconds, advice)


def _say_missing(path: Path, name: str, seconds: float, advice: str) -> str:
    parent = path.parent
    there = sorted(entry.name for entry in parent.iterdir()) if parent.is_dir() else []
    found = ", ".join(f"'{entry}'" for entry in there[:10]) or "nothing"
    return (
        f"Channel '{name}': TrainingInputMode is 'Pipe', but no pipe {path} appeared within "
        f"{seconds:g} s (found in {parent}: {found}). {advice}"
    )
