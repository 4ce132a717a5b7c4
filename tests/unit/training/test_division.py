"""How steps and records are divided over hosts."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.data.array_space import ArraySpace
from object2vec.data.batches import IdleBatches, TrainingBatches
from object2vec.data.ragged import RaggedArray
from object2vec.data.read_summary import ReadSummary, SideSummary
from object2vec.data.records import PairRecords
from object2vec.hyperparameters import Hyperparameters
from object2vec.training.division import Division, own_part, shares_of_step


@dataclass
class ToldHosts:
    """Hosts whose others say what a test has them say."""

    rank: int
    names: tuple[str, ...]
    others: dict[int, Any] = field(default_factory=dict)

    def gather(self, value: Any) -> list[Any]:
        return [
            value if rank == self.rank else self.others[rank] for rank in range(len(self.names))
        ]


def records(count: int) -> PairRecords:
    """Record i has the id i in one side, i + 1 and i + 2 in the other, and the label i."""
    nothing = SideSummary()
    return PairRecords(
        RaggedArray.from_rows([number] for number in range(count)),
        RaggedArray.from_rows([number + 1, number + 2] for number in range(count)),
        np.arange(count, dtype=np.float32),
        ReadSummary(1, count, 0, nothing, nothing, 0, 0.0),
    )


def hyperparameters(**changes: str) -> Hyperparameters:
    given_strings = {"enc0_vocab_size": "9", "enc0_max_seq_len": "3", "mini_batch_size": "8"}
    return Hyperparameters.from_strings({**given_strings, **changes})


@given(
    size=st.integers(1, 300),
    counts=st.lists(st.integers(0, 10_000), min_size=1, max_size=9).filter(any),
)
def test_shares_are_a_step_in_proportion_and_leave_no_host_out(size, counts) -> None:
    shares = shares_of_step(size, counts)
    assert sum(shares) == size
    with_records = sum(map(bool, counts))
    for share, count in zip(shares, counts, strict=True):
        assert share >= 0
        if not count:
            assert share == 0
        elif size >= with_records:
            assert share >= 1
        # Those of whom one is taken for the others differ by as many.
        assert abs(share - size * count / sum(counts)) < 1 + with_records


def test_equal_hosts_have_equal_shares_and_lower_ranks_the_rest() -> None:
    assert shares_of_step(64, [500, 500]) == [32, 32]
    assert shares_of_step(8, [20, 20, 20]) == [3, 3, 2]
    assert shares_of_step(1, [20, 20]) == [1, 0]


@pytest.mark.parametrize("space", [None, ArraySpace(memory_bytes=0)])
@pytest.mark.parametrize("count", [1, 10, 200_000])
def test_the_parts_of_all_hosts_are_all_records(count: int, space: ArraySpace | None) -> None:
    whole, names = records(count), ("a", "b", "c")
    parts = [own_part(whole, ToldHosts(rank, names), space) for rank in range(3)]
    for rank, part in enumerate(parts):
        chosen = np.arange(rank, count, 3)
        assert part.in0 == whole.in0.take(chosen)
        assert part.in1 == whole.in1.take(chosen)
        assert part.labels.tolist() == chosen.tolist()


def test_one_host_keeps_its_records_as_they_are() -> None:
    whole = records(5)
    assert own_part(whole, ToldHosts(0, ("a",))) is whole


def batches_of(rank: int, counts: list[int], steps: int, **changes: str):
    hosts = ToldHosts(rank, tuple("abc"), dict(enumerate(counts)))
    own, chosen = records(counts[rank]), hyperparameters(**changes)
    is_async = changes.get("_kvstore") == "dist_async"
    division = Division.of(own, hosts, chosen, is_async)
    made = division.batches(own, hosts, chosen, np.random.default_rng(0))
    hosts.others = dict.fromkeys(range(3), steps)
    return division, made, list(made.epoch())


def test_a_host_makes_as_many_steps_as_the_one_that_needs_most() -> None:
    division, made, epoch = batches_of(1, [20, 10, 10], steps=7)
    assert isinstance(made, TrainingBatches)
    assert (division.share, division.weight) == (2, 0.25)
    assert [(len(batch), batch.weight) for batch in epoch] == [(2, 0.25)] * 7
    # All its records are among them, as in every epoch.
    assert {number for batch in epoch for number in batch.labels.tolist()} == set(range(10))


def test_a_host_without_records_makes_steps_of_weight_0_of_no_token() -> None:
    division, made, epoch = batches_of(1, [20, 0, 10], steps=3)
    assert isinstance(made, IdleBatches)
    assert division.share == 0
    assert [(batch.weight, batch.in0.values.size, len(batch)) for batch in epoch] == [(0, 0, 1)] * 3


def test_asynchronous_steps_have_the_whole_size_and_each_host_its_own_number() -> None:
    division, _, epoch = batches_of(1, [20, 10, 0], steps=99, _kvstore="dist_async")
    assert (division.share, division.weight) == (8, 1.0)
    assert [len(batch) for batch in epoch] == [8, 8]
    _, _, idle = batches_of(2, [20, 10, 0], steps=99, _kvstore="dist_async")
    assert [batch.weight for batch in idle] == [0.0]
