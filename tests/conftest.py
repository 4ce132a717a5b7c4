"""What every test may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder of real data beside the checkout; a test that needs it skips without it."""
    folder = Path(os.environ.get("OBJECT2VEC_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (OBJECT2VEC_SHARED names another folder)")
    return folder
