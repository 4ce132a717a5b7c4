"""Every target, and what a target may do with an input: take it, or refuse it in our own terms."""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from object2vec.errors import ClientError, PlatformError
from object2vec.training.archive import DamagedArchiveError
from object2vec_container.serving.http_errors import HTTPFault

Target = Callable[[bytes], None]

# Made when asked for: only some of them load the engine.
TARGETS = {
    "records": ("record_target", "RecordTarget"),
    "requests": ("request_target", "RequestTarget"),
    "hyperparameters": ("hyperparameter_target", "HyperparameterTarget"),
    "models": ("model_target", "ModelTarget"),
    "checkpoints": ("checkpoint_target", "CheckpointTarget"),
    "vectors": ("vector_target", "VectorTarget"),
}
LONGEST_SECONDS = 2.0


class SlowError(Exception):
    """An input took the processor for too long."""


def make(name: str) -> Target:
    """Return a target by its name."""
    module, kind = TARGETS[name]
    target: Target = getattr(import_module(f"tests.fuzz.{module}"), kind)()
    return target


def seeds(name: str) -> dict[str, bytes]:
    """Return the inputs that a target's campaign begins with."""
    module = import_module(f"tests.fuzz.{TARGETS[name][0]}")
    source: Any = module if hasattr(module, "seeds") else make(name)
    found: dict[str, bytes] = source.seeds()
    return found


def feed(target: Target, data: bytes) -> bool:
    """Give a target an input; return whether it took it.

    Raises:
        Exception: Anything but a refusal: this is a finding.
    """
    began = time.process_time()
    try:
        target(data)
        is_taken = True
    except (ClientError, PlatformError, DamagedArchiveError):
        is_taken = False
    except HTTPFault as fault:
        if not 400 <= fault.status < 500:
            raise
        is_taken = False
    if time.process_time() - began > LONGEST_SECONDS:
        raise SlowError(f"{len(data)} bytes took {time.process_time() - began:.1f} s")
    return is_taken
