"""The one place that maps an error to the log, the failure file and the exit code.

Whatever ends a job comes here: errors raised on purpose keep their words, those of the machine get
words that say what to do, all others are defects of this project and say so.
"""

import errno
import logging
import re

from object2vec import __version__
from object2vec.errors import (
    AlgorithmError,
    ClientError,
    Object2VecError,
    PlatformError,
    shorten,
)
from object2vec_container.ml_folder import MLFolder

logger = logging.getLogger(__name__)

FAILURE_CHARACTERS = 1024  # what the service shows of the failure file
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_MACHINE_ERRORS = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENODEV, errno.ESTALE)
_FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
_NO_MEMORY = re.compile(
    r"out of memory|bad_alloc|failed to allocate|MemoryAllocation|_ALLOC_FAILED", re.IGNORECASE
)
# NumPy's words, without an error number, where a file takes fewer bytes than it was to.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
_NO_LIBRARY = "cannot open shared object file"


def forget(folder: MLFolder) -> None:
    """Remove the failure file of an earlier job; one that stays is only warned of."""
    try:
        folder.failure_file.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s is of an earlier job and stays: %s", folder.failure_file, error)


def report(error: BaseException, folder: MLFolder, tells_where: bool = True) -> int:
    """Tell of the error that ended a job, in the log and in the failure file.

    Never raises: a failure file that cannot be written must not hide why the job failed.

    Args:
        error: What ended it.
        folder: Where the failure file goes.
        tells_where: Whether to log the traceback; that of an error of another host says nothing.

    Returns:
        The exit code.
    """
    told = explain(error, folder)
    text = f"{told.fault_name}: {told}"
    logger.error("%s", text)
    if tells_where and not isinstance(error, KeyboardInterrupt):
        logger.error("Where it happened:", exc_info=error)
    try:
        # A folder that is not there at all is none of ours to make.
        if folder.root.is_dir():
            folder.failure_file.parent.mkdir(parents=True, exist_ok=True)
        folder.failure_file.write_text(
            fit(text, FAILURE_CHARACTERS), encoding="utf-8", errors="backslashreplace"
        )
    except OSError as write_error:
        logger.warning("The failure file cannot be written: %s", write_error)
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else told.exit_code


def explain(error: BaseException, folder: MLFolder) -> Object2VecError:
    """Return the error in the project's own terms: whose fault, what, and what to do."""
    if isinstance(error, Object2VecError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return ClientError(
            "The job was interrupted before it ended. "
            f"{folder.model_folder} holds the best model so far, if an epoch had ended."
        )
    if _is_out_of_memory(error):
        return ClientError(
            f"The job ran out of memory ({_first_line(error)}). Take an instance with more memory, "
            "or make the batches or the network smaller: mini_batch_size, enc_dim, mlp_dim, "
            "enc0_max_seq_len, enc1_max_seq_len; with a large vocabulary set "
            "token_embedding_storage_type to row_sparse."
        )
    if isinstance(error, OSError):
        told = _explain_os_error(error, folder)
        if told is not None:
            return told
    return AlgorithmError(
        f"Unexpected {type(error).__name__}: {_first_line(error)}. This is a defect of object2vec "
        f"{__version__}, not of your job; please report it with the log, which holds the traceback."
    )


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    # Known by name: this package does not import the engine.
    is_of_engine = any(kind.__module__.startswith("mxnet") for kind in type(error).__mro__)
    return is_of_engine and _NO_MEMORY.search(str(error)) is not None


def _explain_os_error(error: OSError, folder: MLFolder) -> PlatformError | None:
    """Return what an error of the operating system means, None where it looks like a defect."""
    where = str(error.filename) if error.filename is not None else ""
    what = error.strerror or str(error)
    if error.errno in _FULL_DISK or _SHORT_WRITE.search(str(error)):
        return PlatformError(
            f"The disk is full{f' at {where}' if where else ''} ({what}). "
            "Give the job a larger volume (VolumeSizeInGB) or free space."
        )
    if error.errno in _FORBIDDEN and where:
        return PlatformError(
            f"{where} cannot be read or written ({what}). The job must be allowed to read "
            f"{folder.root / 'input'} and to write {folder.model_folder} and "
            f"{folder.failure_file.parent}."
        )
    if _NO_LIBRARY in str(error):
        return PlatformError(
            f"A library is missing on this machine ({_first_line(error)}). Install the package it "
            "comes from; MXNet needs Debian's libgomp1 and libquadmath0."
        )
    if error.errno in _MACHINE_ERRORS or where.startswith(str(folder.root)):
        return PlatformError(
            f"{where or 'The machine'}: {what}. Run the job again; if this stays, the volume or "
            "the machine is at fault."
        )
    return None


def _first_line(error: BaseException) -> str:
    """Return what an exception says, without the C++ stack that the engine appends."""
    lines = str(error).strip().splitlines()
    return shorten(lines[0], 300)[1:-1] if lines else "no message"


def fit(text: str, limit: int) -> str:
    """Return the text in at most `limit` characters, its head and end kept, the middle left out.

    Whole lines are left out of a list of lines; of one long line, characters.
    """
    if len(text) <= limit:
        return text
    lines = text.split("\n")
    for kept in range(len(lines) - 2, 0, -1):
        left_out = len(lines) - kept - 1
        note = f"[{left_out} lines are left out here; the log has them all]"
        shorter = "\n".join([*lines[:kept], note, lines[-1]])
        if limit // 2 <= len(shorter) <= limit:
            return shorter
    note = " [... shortened here; the log has it all ...] "
    end = (limit - len(note)) // 4
    return text[: limit - len(note) - end] + note + text[-end:]
