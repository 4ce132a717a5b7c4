"""Arrays of float32 mapped from files of NumPy's format, with no trust in what their headers say.

NumPy's own reader evaluates a header as Python's literals, and multiplies a shape in 64 bits. Here
a header is of the one form that NumPy writes, and the file must be as long as it says.
"""

import math
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 4096
# Up to 8 dimensions; the spaces at its end align the numbers.
_HEADER = re.compile(
    rb"\{'descr': '([^']{1,16})', 'fortran_order': (False|True), "
    rb"'shape': \(((?:[0-9]{1,15}, ?){0,8}(?:[0-9]{1,15})?)\),? \} *\n"
)


def map_array(path: Path) -> npt.NDArray[np.float32]:
    """Return the array in a file, read-only and mapped.

    Raises:
        ValueError: The file is none of float32 in rows, or not as long as its header says.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        start = stream.read(10)
        if len(start) < 10 or start[:6] != _MAGIC or start[6] != 1:
            raise ValueError("it does not begin as one")
        length = int.from_bytes(start[8:10], "little")
        header = _HEADER.fullmatch(stream.read(min(length, _LONGEST_HEADER)))
        if header is None:
            raise ValueError("its header is not of NumPy's form")
        size = stream.seek(0, 2)
    kind, is_fortran, dimensions = header.groups()
    if kind != b"<f4" or is_fortran != b"False":
        raise ValueError(f"its numbers are {kind.decode('latin-1')!r}, must be '<f4' in rows")
    shape = tuple(int(each) for each in dimensions.split(b",") if each.strip())
    offset = 10 + length
    if size - offset != math.prod(shape) * 4:
        raise ValueError(f"it has {size - offset} bytes of numbers, not those of shape {shape}")
    if not math.prod(shape):
        return np.empty(shape, np.float32)
    return np.memmap(path, np.float32, "r", offset, shape)
