"""The one place that imports MXNet, after the settings that only count before the import.

Everything else takes `mx`, `nd`, `autograd` and `gluon` from here, so that no other module can
import the engine with other settings, or before `numpy.bool` is there.
"""

import ctypes
import importlib
from typing import Any

import numpy as np

from object2vec.errors import PlatformError
from object2vec.network import engine_settings


def _load() -> Any:
    engine_settings.apply()
    if "bool" not in np.__dict__:
        # MXNet 1.9.1 reads numpy.bool at import; NumPy removed it in 1.24.
        np.bool = np.bool_  # type: ignore[attr-defined]
    try:
        return importlib.import_module("mxnet")
    except OSError as error:
        if "libcuda.so" not in str(error):
            raise
        raise PlatformError(
            "The NVIDIA driver is not here (libcuda.so.1 is missing), and this is the build of "
            "MXNet for GPUs: start the container with --gpus all on a machine with a GPU, or use "
            "the CPU image."
        ) from error


mx = _load()
nd = mx.nd
autograd = mx.autograd
gluon = mx.gluon
NDArray = mx.nd.NDArray


def load_gluonnlp() -> Any:
    """Return GluonNLP, which imports MXNet itself and so must come after it.

    Its import takes a second, and only the making of vocabularies needs it.
    """
    return importlib.import_module("gluonnlp")


def seed(value: int) -> None:
    """Seed the engine's generators: initial values and dropout."""
    mx.random.seed(value % 2**31)


def devices(num_gpus: int | None) -> list[Any]:
    """Return the devices to compute on: the GPUs that may be used and are there, else the CPU.

    Args:
        num_gpus: How many GPUs may be used; None takes what the machine has.
    """
    present = gpu_count() if num_gpus != 0 else 0
    count = present if num_gpus is None else min(num_gpus, present)
    return [mx.gpu(number) for number in range(count)] or [mx.cpu(0)]


def device(num_gpus: int | None) -> Any:
    """Return the one device to compute on where one is enough: the first of `devices`."""
    return devices(num_gpus)[0]


def gpu_count() -> int:
    """Return how many GPUs the engine can use; 0 where it was built for none or finds no driver."""
    try:
        return int(mx.context.num_gpus())
    except mx.MXNetError:
        return 0


def from_numpy(array: np.ndarray, ctx: Any) -> Any:
    """Return `array` on the device; on the CPU without a copy, so it must not be written after."""
    if ctx == mx.cpu(0):
        return nd.from_numpy(np.ascontiguousarray(array), zero_copy=True)
    return nd.array(array, ctx=ctx, dtype=array.dtype)


def to_numpy(array: Any) -> np.ndarray:
    """Return the numbers of an array of the engine, or of NumPy, on any device."""
    return array if isinstance(array, np.ndarray) else array.asnumpy()


class _Memory:
    """The memory of an array of the engine, as NumPy asks for it; keeps the array alive."""

    def __init__(self, array: Any) -> None:
        self._array = array
        address = ctypes.c_void_p()
        mx.base.check_call(mx.base._LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
        self.__array_interface__ = {
            "data": (address.value, False),
            "shape": array.shape,
            "typestr": np.dtype(array.dtype).str,
            "version": 3,
        }


def host_view(array: Any) -> np.ndarray:
    """Return the numbers of an array on the CPU in place, after all that writes them.

    The engine knows nothing of who reads or writes here: write only what no operation under way
    reads.
    """
    array.wait_to_read()
    return np.asarray(_Memory(array))
