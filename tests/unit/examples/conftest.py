"""The example's scripts as modules: they are programs, on no import path."""

from pathlib import Path
from types import ModuleType

import pytest
from tests.scripts import ROOT, load_script

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def mammals() -> Path:
    """The folder of the mammals example."""
    return EXAMPLES / "mammals"


@pytest.fixture(scope="session")
def movielens() -> Path:
    """The folder of the MovieLens example."""
    return EXAMPLES / "movielens"


@pytest.fixture
def build(mammals: Path) -> ModuleType:
    """The script that builds the mammals example."""
    return load_script(mammals / "build.py")


@pytest.fixture(scope="session")
def demo(mammals: Path) -> ModuleType:
    """The script that `make demo` runs."""
    return load_script(mammals / "demo.py")


@pytest.fixture(scope="session")
def draw_map(mammals: Path) -> ModuleType:
    """The script that draws the embeddings."""
    return load_script(mammals / "map.py")


@pytest.fixture(scope="session")
def prepare(movielens: Path) -> ModuleType:
    """The script that prepares MovieLens."""
    return load_script(movielens / "prepare.py")
