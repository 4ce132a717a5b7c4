"""What the engine reads of the environment, once, when its library is loaded."""

import os

# PASSIVE: OpenMP's waiting threads otherwise spin and starve the other threads and processes of
# the machine.
_SETTINGS = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MXNET_CPU_WORKER_NTHREADS": "1",
    "MXNET_STORAGE_FALLBACK_LOG_VERBOSE": "0",
    "MXNET_SUBGRAPH_VERBOSE": "0",
}


def available_cpus() -> int:
    """Return how many processors this process may use, never more than its affinity allows."""
    return len(os.sched_getaffinity(0))


def apply() -> None:
    """Put the settings into the environment, but for those that the user has put there."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("OMP_NUM_THREADS", str(available_cpus()))
