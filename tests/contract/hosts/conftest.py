"""Jobs on several hosts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.hosts.several import SeveralHosts


@pytest.fixture
def make_hosts(tmp_path: Path) -> Iterator[Callable[[int], SeveralHosts]]:
    """A maker of jobs on so many hosts; what still runs after the test is ended."""
    made: list[SeveralHosts] = []

    def make(count: int) -> SeveralHosts:
        made.append(SeveralHosts(tmp_path / f"job{len(made)}", count))
        return made[-1]

    yield make
    for hosts in made:
        hosts.end_all()
