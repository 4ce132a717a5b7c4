"""The example's scripts as modules: they are programs, on no import path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"


def load_script(path: Path) -> ModuleType:
    """Run a script's definitions as a module of its own name."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their fields' types up
    spec.loader.exec_module(module)
    return module


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
