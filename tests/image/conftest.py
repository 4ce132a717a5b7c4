"""What the tests on a real Docker engine may ask for."""

import subprocess

import pytest

CPU_IMAGE = "object2vec:cpu"
GPU_IMAGE = "object2vec:gpu"


def no_answer(*command: str) -> str:
    """Return why a Docker command gives no answer; an empty text where it does."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else lines[-1] if lines else f"exit code {done.returncode}"


@pytest.fixture(scope="session")
def engine() -> None:
    """A Docker engine that answers; a test that needs it skips without."""
    if reason := no_answer("docker", "info"):
        pytest.skip(f"no Docker engine answers: {reason}")


@pytest.fixture(scope="session")
def cpu_image(engine: None) -> str:
    """The name of the built CPU image; a test that needs it skips without."""
    if no_answer("docker", "image", "inspect", CPU_IMAGE):
        pytest.skip(f"{CPU_IMAGE} is not built: make image-cpu")
    return CPU_IMAGE


@pytest.fixture(scope="session")
def gpu_image(engine: None) -> str:
    """The name of the built GPU image; a test that needs it skips without."""
    if no_answer("docker", "image", "inspect", GPU_IMAGE):
        pytest.skip(f"{GPU_IMAGE} is not built: make image-gpu")
    return GPU_IMAGE
