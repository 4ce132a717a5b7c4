"""Arrays and what is told of them in one file: what a checkpoint is written in.

The file is NumPy's .npz, a ZIP archive of .npy members, stored and not compressed, with one member
more, `state.json`. It holds no code and no pickle. Every member has a checksum, and a reader takes
only arrays it has the memory for already: a small file can make nobody allocate much. A link is no
such file: a folder of checkpoints may come from a stranger.
"""

import json
import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from object2vec.durable_files import npy_header, remove_partial

Array = npt.NDArray[Any]

_STATE = "state.json"
_MOST_STATE_BYTES = 1 << 28
_CHUNK_BYTES = 1 << 24

# What the standard library raises at a damaged archive; an OSError of the disk is none of these.
_DAMAGES = (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError)


class DamagedArchiveError(Exception):
    """A file is not an archive of this kind, or not whole; the message says in what."""


def write_archive(path: Path, state: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a new file, and have it on the disk when this returns.

    Args:
        path: Where it goes; what is written half when this fails is removed.
        state: What JSON can say; floats keep every bit.
        arrays: By name.

    Raises:
        OSError: It cannot be written.
    """
    try:
        with path.open("wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_STATE, json.dumps(state))
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        _write_array(member, array)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException as error:
        remove_partial(path, error, path)
        raise


def _write_array(member: IO[bytes], array: Array) -> None:
    array = np.ascontiguousarray(array)
    member.write(npy_header(array))
    content = array.reshape(-1).view(np.uint8)
    for start in range(0, len(content), _CHUNK_BYTES):
        member.write(content[start : start + _CHUNK_BYTES].data)


class Archive:
    """A file that `write_archive` wrote, open for reading; a context manager.

    Args:
        path: The file.

    Attributes:
        path: The same.
        state: What is told in it.

    Raises:
        DamagedArchiveError: It is no such file, or was cut off.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not stat.S_ISREG(path.lstat().st_mode):
            raise DamagedArchiveError("it is no plain file")
        try:
            self._zip = zipfile.ZipFile(path)
            try:
                self._members = {each.filename: each for each in self._zip.infolist()}
                self._check_members(path.stat().st_size)
                self.state: dict[str, Any] = self._read_state()
            except BaseException:
                self._zip.close()
                raise
        except (*_DAMAGES, KeyError) as error:  # RecursionError is a RuntimeError
            raise DamagedArchiveError(f"it is no whole archive ({error})") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def _check_members(self, size: int) -> None:
        """Check what the archive's index says of its members: none is where it cannot be."""
        for member in self._members.values():
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 0x1:
                raise ValueError(f"{member.filename!r} is compressed or encrypted")
            if member.file_size != member.compress_size or member.header_offset < 0:
                raise ValueError(f"what the index says of {member.filename!r} cannot be")
        if sum(member.file_size for member in self._members.values()) > size:
            raise ValueError("the index says more than there is")

    def _read_state(self) -> dict[str, Any]:
        if self._members[_STATE].file_size > _MOST_STATE_BYTES:
            raise ValueError(f"{_STATE} has {self._members[_STATE].file_size} bytes")
        state = json.loads(self._zip.read(_STATE))
        if not isinstance(state, dict):
            raise DamagedArchiveError(f"{_STATE} is no object")
        return state

    def check(self) -> None:
        """Compare every member with its checksum.

        Raises:
            DamagedArchiveError: One of them was changed.
        """
        try:
            damaged = self._zip.testzip()
        except _DAMAGES as error:
            raise DamagedArchiveError(str(error)) from error
        if damaged:
            raise DamagedArchiveError(f"{damaged} does not have its checksum")

    def check_shapes(self, targets: Mapping[str, Array]) -> None:
        """Check that there is an array for every target, of its kind and shape.

        Raises:
            DamagedArchiveError: One is missing, or another.
        """
        for name, target in targets.items():
            with self._open(name, target):
                pass

    def fill(self, targets: Mapping[str, Array]) -> None:
        """Read arrays into those of the same names.

        Raises:
            DamagedArchiveError: One is missing, another, or changed; targets may be half filled.
        """
        for name, target in targets.items():
            content = target.reshape(-1).view(np.uint8)
            if not np.shares_memory(content, target):
                raise TypeError(f"{name} does not lie in one piece")
            with self._open(name, target) as member:
                try:
                    for start in range(0, len(content), _CHUNK_BYTES):
                        part = content[start : start + _CHUNK_BYTES]
                        part[:] = np.frombuffer(member.read(len(part)), dtype=np.uint8)
                    member.read(1)  # the checksum is compared at the end
                except _DAMAGES as error:
                    raise DamagedArchiveError(f"{name}: {error}") from error

    def length(self, name: str) -> int:
        """Return how many float64 numbers a one-dimensional array can hold, by its bytes."""
        return max(0, self._member(name).file_size - len(npy_header(np.zeros(0)))) // 8

    def _member(self, name: str) -> zipfile.ZipInfo:
        """Return what the index says of an array."""
        member = self._members.get(f"{name}.npy")
        if member is None:
            raise DamagedArchiveError(f"{name} is missing")
        return member

    def _open(self, name: str, target: Array) -> IO[bytes]:
        """Return a member after its header was read, and found to be that of the target."""
        member = self._member(name)
        wanted = npy_header(target)
        try:
            stream = self._zip.open(member)
            found = stream.read(len(wanted))
        except _DAMAGES as error:
            raise DamagedArchiveError(f"{name}: {error}") from error
        if found != wanted or member.file_size != len(wanted) + target.nbytes:
            stream.close()
            raise DamagedArchiveError(f"{name} is no {target.dtype} array of shape {target.shape}")
        return stream
