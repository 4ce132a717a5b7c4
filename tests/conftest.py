"""What every test may ask for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sagemaker_platform import Platform


def pytest_configure() -> None:
    """Let programs that tests start notice the signals that tests send them.

    nohup ignores SIGHUP, and a shell without job control SIGINT and SIGQUIT for what it starts in
    the background. Programs inherit that a signal is ignored, but not that one is handled; so here
    it is handled, by doing nothing.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips without it."""
    folder = Path(os.environ.get("OBJECT2VEC_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (OBJECT2VEC_SHARED names another folder)")
    return folder


@pytest.fixture(scope="session")
def running_platform() -> Iterator["Platform"]:
    """AWS as the launcher sees it: one server, as moto keeps its state for the whole process."""
    # Here, not above: it takes seconds, which other tests need not wait for.
    from tests import sagemaker_platform

    with sagemaker_platform.running_platform() as platform:
        yield platform


@pytest.fixture
def platform(running_platform: "Platform") -> "Platform":
    """That server, emptied."""
    running_platform.reset()
    return running_platform
