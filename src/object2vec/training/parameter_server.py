"""A scheduler or parameter server: a process that serves the engine's workers until they end.

The variable DMLC_ROLE says which; the other DMLC_* variables say where the scheduler is, and how
many servers and workers there are.
"""

import ctypes
import importlib
import importlib.util
import sys
from pathlib import Path

from object2vec.errors import PlatformError
from object2vec.network import engine_settings

_Controller = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)


def serve(with_optimizer: bool) -> None:
    """Serve; return once the workers are done.

    Args:
        with_optimizer: Whether workers send an optimizer, as they do where steps are asynchronous.
            It is an object of the engine's Python. Sums need the library alone, which is loaded in
            a third of the time and takes half the memory.

    Raises:
        PlatformError: The library says that it cannot.
    """
    if with_optimizer:
        # With such a role the engine serves inside its import, and exits there.
        importlib.import_module("object2vec.network.engine")
    engine_settings.apply()
    library = ctypes.CDLL(str(_library()))
    store = ctypes.c_void_p()
    _check(library, library.MXKVStoreCreate(b"dist", ctypes.byref(store)))
    _check(library, library.MXKVStoreRunServer(store, _Controller(_refuse), None))


def _check(library: ctypes.CDLL, code: int) -> None:
    if code:
        library.MXGetLastError.restype = ctypes.c_char_p
        told = library.MXGetLastError().decode(errors="replace")
        raise PlatformError(f"The engine's library cannot serve the workers: {told}")


def _library() -> Path:
    """Return the engine's library, found without loading the engine's Python."""
    found = importlib.util.find_spec("mxnet")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).with_name("libmxnet.so")


def _refuse(command: int, body: bytes, _: None) -> None:
    """Answer a command that only the engine's Python understands."""
    sys.stderr.write(f"unknown command {command}: {body[:80]!r}\n")
