"""What fuzzing found, and what it ran on: every input is taken, or refused in our own terms."""

from pathlib import Path

import pytest
from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"
MOST_FILES, MOST_BYTES = 200, 500_000


@pytest.mark.parametrize("name", targets.TARGETS)
def test_kept_inputs(name: str) -> None:
    target = targets.make(name)
    seeds = targets.seeds(name)
    kept = {str(path): path.read_bytes() for path in sorted((CORPUS / name).iterdir())}
    taken = 0
    for place, data in (seeds | kept).items():
        try:
            taken += targets.feed(target, data)
        except Exception as error:
            error.add_note(f"the input is {place}")
            raise
    assert taken, "a target that refuses everything finds nothing"


def test_the_corpus_is_small() -> None:
    sizes = [path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()]
    assert 0 < len(sizes) <= MOST_FILES
    assert sum(sizes) <= MOST_BYTES
