"""The benchmarks' modules: they are programs, on no import path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def load_script(name: str) -> ModuleType:
    """Run a script's definitions as a module of its own name."""
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their fields' types up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sick_channels() -> ModuleType:
    return load_script("sick_channels")


@pytest.fixture(scope="session")
def sick_report() -> ModuleType:
    return load_script("sick_report")


@pytest.fixture(scope="session")
def glove() -> ModuleType:
    return load_script("glove")
