"""Where the arrays of a job's channels stand: in memory up to a limit, beyond it in files.

The files have no name, so nothing is left behind however the process ends, and are mapped when they
are complete: the system keeps in memory what is read often, and drops it where memory is short.
"""

import errno
import mmap
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from object2vec.errors import ClientError, PlatformError, shorten
from object2vec.memory import is_in_memory, memory_limit

MEBIBYTE = 2**20
# The other three quarters are for tables, optimizer states, batches, and files read once more.
MEMORY_SHARE = 4
_LARGEST_MEGABYTES = 2**30

FOLDER_VARIABLE = "OBJECT2VEC_DATA_FOLDER"
MEMORY_VARIABLE = "OBJECT2VEC_DATA_MEMORY_MB"


@dataclass(frozen=True, slots=True)
class SpaceVariable:
    """One environment variable of `train`, as its reference tells of it."""

    name: str
    allowed: str
    default: str
    text: str


SPACE_VARIABLES = (
    SpaceVariable(
        MEMORY_VARIABLE,
        f"0..{_LARGEST_MEGABYTES}",
        "a quarter of the memory that the process may use",
        "MiB that the records of all channels may take in memory; what exceeds it stands in files.",
    ),
    SpaceVariable(
        FOLDER_VARIABLE,
        "a folder that can be written",
        "`TMPDIR`, or `/tmp`",
        "Where those files are made. They have no name and end with the process.",
    ),
)


class ArraySpace:
    """Counts what growing arrays take, and gives files to those that memory has no room for.

    Args:
        memory_bytes: What all arrays may take in memory together.
        folder: Where files are made; None takes the folder of temporary files.
    """

    def __init__(self, memory_bytes: int, folder: Path | None = None) -> None:
        self._free = memory_bytes
        self._folder = folder
        self.file_bytes = 0

    @classmethod
    def from_variables(cls, variables: Mapping[str, str]) -> "ArraySpace":
        """Return the space that the environment variables ask for.

        Raises:
            ClientError: One of them is not as it must be.
        """
        text = variables.get(MEMORY_VARIABLE, "").strip()
        memory_bytes = memory_limit() // MEMORY_SHARE
        if text:
            if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_MEGABYTES):
                raise ClientError(
                    f"Environment variable {MEMORY_VARIABLE}={shorten(text)} is no such number; "
                    f"allowed: whole MiB, 0..{_LARGEST_MEGABYTES}."
                )
            memory_bytes = int(text) * MEBIBYTE
        name = variables.get(FOLDER_VARIABLE, "").strip()
        folder = Path(name) if name else None
        if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise ClientError(
                f"Environment variable {FOLDER_VARIABLE}={shorten(name)} names no folder that can "
                "be written. Make that folder, or name another."
            )
        return cls(memory_bytes, folder)

    @property
    def folder(self) -> Path:
        """Where files are made."""
        return self._folder or Path(tempfile.gettempdir())

    @property
    def files_are_in_memory(self) -> bool:
        """Whether the folder is one in memory, so that files save none."""
        return is_in_memory(self.folder)

    def take(self, count: int) -> bool:
        """Take `count` bytes of memory; return whether there is room for them."""
        if count > self._free:
            return False
        self._free -= count
        return True

    def give_back(self, count: int) -> None:
        """Give back bytes that were taken."""
        self._free += count

    def new_file(self) -> "ArrayFile":
        """Make an empty file.

        Raises:
            PlatformError: The folder cannot be written.
        """
        try:
            stream = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise PlatformError(
                f"No temporary file can be made in {self.folder}: {error.strerror or error}. The "
                f"records take more than their share of memory. {_ADVICE}"
            ) from error
        return ArrayFile(stream, self)


class ArrayFile:
    """A nameless file that an array is appended to, and mapped from once it is complete."""

    def __init__(self, stream: IO[bytes], space: ArraySpace) -> None:
        self._stream = stream
        self._space = space
        self._size = 0

    def append(self, chunk: npt.NDArray[Any]) -> None:
        """Write the elements of `chunk`, (n,), behind those that are there.

        Raises:
            PlatformError: The disk is full or fails.
        """
        rest = np.ascontiguousarray(chunk).data.cast("B")
        self._space.file_bytes += len(rest)
        self._size += len(rest)
        try:
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            self._stream.close()
            raise self._failure(error) from error

    def finish(self, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        """Return all elements, read-only, as an array that the file stands behind."""
        with self._stream:
            if not self._size:
                return np.empty(0, dtype=dtype)
            mapping = mmap.mmap(self._stream.fileno(), self._size, access=mmap.ACCESS_READ)
        # A plain array: a memmap costs microseconds more at each indexing.
        return np.frombuffer(mapping, dtype=dtype)

    def _failure(self, error: OSError) -> PlatformError:
        folder, space = self._space.folder, self._space
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return PlatformError(
                f"A temporary file in {folder} cannot be written: {error.strerror or error}. "
                f"{_ADVICE}"
            )
        status = os.statvfs(folder)
        free = status.f_bavail * status.f_frsize
        return PlatformError(
            f"The disk is full at {folder} ({error.strerror}): the records read so far need "
            f"{space.file_bytes / MEBIBYTE:,.0f} MiB there, {free / MEBIBYTE:,.0f} MiB are left, "
            f"and more of them are to be read. {_ADVICE}"
        )


_ADVICE = (
    f"Name a folder with more space in {FOLDER_VARIABLE}, give the job a larger volume "
    f"(VolumeSizeInGB), or allow the records more memory with {MEMORY_VARIABLE}."
)
