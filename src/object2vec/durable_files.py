"""Files that are there whole or not at all, whatever stops the program that writes them."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_durably(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file; it is on the disk when this returns, and what was there before until then.

    Raises:
        OSError: It cannot be written; the error names the file.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException as error:
        remove_partial(partial, error, path)
        raise


def remove_partial(partial: Path, error: BaseException, path: Path) -> None:
    """Remove what was written half of a file, and have the error say which file it is about."""
    partial.unlink(missing_ok=True)
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(path)  # a write that fails does not say where


def flush_folder(folder: Path) -> None:
    """Have the folder's names on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def npy_header(array: npt.NDArray[Any]) -> bytes:
    """Return what stands before an array's numbers in a file of NumPy's format."""
    header = io.BytesIO()
    description = np.lib.format.header_data_from_array_1_0(array)  # type: ignore[no-untyped-call]
    np.lib.format.write_array_header_1_0(header, description)  # type: ignore[no-untyped-call]
    return header.getvalue()
