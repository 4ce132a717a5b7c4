"""What targets share: values to begin with, and a folder that costs no disk."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Values that JSON allows and no reader wants: deeper than Python recurses, longer than it reads.
AWKWARD = {
    "deep_list": b"[" * 1500 + b"]" * 1500,
    "deep_object": b'{"a":' * 1500 + b"1" + b"}" * 1500,
    "nearly_too_deep": b"[" * 900 + b"]" * 900,
    "digits": b"7" * 5000,
    "many_digits": b"7" * 4000,
    "exponent": b"1e999",
}


# Names the folder to make such folders in: libFuzzer ends its process without a last word.
SCRATCH = "OBJECT2VEC_FUZZ_SCRATCH"


def memory_folder() -> str | None:
    """Return a folder in memory, None where there is none."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def scratch_folder(name: str) -> Path:
    """Return a new folder of this process, removed at its end; in memory where that is at hand."""
    parent = os.environ.get(SCRATCH) or memory_folder()
    folder = Path(tempfile.mkdtemp(prefix=f"object2vec-fuzz-{name}-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
