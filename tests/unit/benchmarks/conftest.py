"""The benchmarks' modules."""

from types import ModuleType

import pytest
from tests.scripts import ROOT, load_script


@pytest.fixture(scope="session")
def sick_channels() -> ModuleType:
    return load_script(ROOT / "benchmarks/sick_channels.py")


@pytest.fixture(scope="session")
def sick_report() -> ModuleType:
    return load_script(ROOT / "benchmarks/sick_report.py")


@pytest.fixture(scope="session")
def glove() -> ModuleType:
    return load_script(ROOT / "benchmarks/glove.py")
