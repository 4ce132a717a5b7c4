"""Which records stand together, how often, and with which labels."""

from collections import Counter
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data.batches import TrainingBatches, scoring_batches
from object2vec.data.ragged import RaggedArray
from object2vec.data.read_summary import ReadSummary, SideSummary
from object2vec.data.records import PairRecords

LENGTHS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 25)), min_size=1, max_size=40
).filter(lambda pairs: any(map(any, pairs)))


def records(lengths, labels=None):
    """Record i holds the id i alone, as often as its two lengths say."""
    left, right = (
        RaggedArray.from_rows([number] * pair[side] for number, pair in enumerate(lengths))
        for side in (0, 1)
    )
    if labels is None:
        labels = np.arange(len(lengths))
    nothing = SideSummary()
    summary = ReadSummary(1, len(lengths), 0, nothing, nothing, 0, 0.0)
    return PairRecords(left, right, np.asarray(labels, dtype=np.float32), summary)


def batches(data, size=4, width=0, rate=0, seed=0):
    return TrainingBatches(
        data,
        batch_size=size,
        bucket_width=width,
        negative_sampling_rate=rate,
        generator=np.random.default_rng(seed),
    )


def as_lists(epoch):
    return [
        (
            [ids.tolist() for ids in batch.in0],
            [ids.tolist() for ids in batch.in1],
            batch.labels.tolist(),
        )
        for batch in epoch
    ]


def bucket(pair, longest, width):
    """The first of the parallel buckets that holds both sides, by Sockeye's rule.

    The longer side's buckets end at width, 2 width, ..; the other side's steps are in proportion,
    whole, and at least 1. The last bucket of the side with fewer of them goes on.
    """
    steps = [max(1, width * most // max(longest)) for most in longest]
    count = max(ceil(most / step) for most, step in zip(longest, steps, strict=True))
    for number in range(1, count + 1):
        ends = [min(number * step, most) for most, step in zip(longest, steps, strict=True)]
        if all(length <= end for length, end in zip(pair, ends, strict=True)):
            return number
    raise AssertionError(pair)


@settings(deadline=None)
@given(lengths=LENGTHS, size=st.integers(1, 9), width=st.integers(0, 12))
def test_every_record_once_and_fill_from_its_own_bucket(lengths, size, width):
    longest = [max(pair[side] for pair in lengths) for side in (0, 1)]
    buckets = [bucket(pair, longest, width) if width else 1 for pair in lengths]
    made = list(batches(records(lengths), size, width).epoch())
    seen, fill = Counter(), Counter()
    for batch in made:
        assert len(batch) == len(batch.in0) == len(batch.in1) == size
        numbers = batch.labels.astype(int).tolist()
        assert len({buckets[number] for number in numbers}) == 1
        for number, left, right in zip(numbers, batch.in0, batch.in1, strict=True):
            assert (len(left), len(right)) == lengths[number]
        seen.update(numbers)
    assert set(seen) == set(range(len(lengths)))
    fill.update({number: count - 1 for number, count in seen.items()})
    for number in set(buckets):
        mine = [record for record, other in enumerate(buckets) if other == number]
        assert sum(fill[record] for record in mine) == -len(mine) % size


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=50),
    width=st.integers(1, 20),
)
def test_lengths_in_a_batch_differ_by_less_than_the_bucket_width(lengths, width):
    for batch in batches(records([(length, length) for length in lengths]), 3, width).epoch():
        for side in (batch.in0, batch.in1):
            assert side.lengths.max() - side.lengths.min() < width


@pytest.mark.parametrize(
    ("width", "longest"),
    # In floats width / longest * longest is less than width for some of these.
    [(13, (23, 7)), (15, (26, 26)), (15, (1, 22)), (1, (49, 2)), (10, (30, 30)), (7, (3, 47))],
)
def test_lengths_at_the_edge_of_a_bucket_belong_below_it(width, longest):
    lengths = [
        (left, right)
        for left in range(1, longest[0] + 1)
        for right in range(1, longest[1] + 1)
        if left * longest[1] <= right * longest[0]
    ]
    expected = {}
    for number, pair in enumerate(lengths):
        expected.setdefault(bucket(pair, longest, width), set()).add(number)
    # With batches as large as the data every bucket is one batch.
    made = [
        set(labels) for _, _, labels in as_lists(batches(records(lengths), 5000, width).epoch())
    ]
    assert sorted(map(sorted, made)) == sorted(map(sorted, expected.values()))


@pytest.mark.parametrize("longest1", [1, 2])
def test_a_short_second_side_does_not_undo_the_buckets_of_the_first(longest1):
    generator = np.random.default_rng(0)
    lengths = [(int(left), longest1) for left in generator.integers(20, 501, 400)]
    lengths.append((500, longest1))
    for batch in batches(records(lengths), 5, 10).epoch():
        assert batch.in0.lengths.max() - batch.in0.lengths.min() < 10


def test_width_0_is_one_bucket():
    lengths = [(1, 1), (40, 25), (3, 3), (39, 24), (20, 1)]
    made = as_lists(batches(records(lengths), 5).epoch())
    assert len(made) == 1
    assert sorted(made[0][2]) == [0, 1, 2, 3, 4]


def test_records_without_an_id_share_the_first_bucket():
    lengths = [(0, 0), (1, 2), (2, 1), (0, 1)]
    made = as_lists(batches(records(lengths), 4, 5).epoch())
    assert [sorted(labels) for _, _, labels in made] == [[0, 1, 2, 3]]


def test_nothing_but_empty_records_makes_batches():
    assert len(as_lists(batches(records([(0, 0)] * 5), 4, 5).epoch())) == 2


def test_a_batch_larger_than_the_data_is_filled_from_it():
    ((_, _, labels),) = as_lists(batches(records([(1, 1), (2, 2)]), 100).epoch())
    assert len(labels) == 100
    assert set(labels) == {0.0, 1.0}
    assert min(Counter(labels).values()) > 30


@pytest.mark.parametrize("rate", [0, 2])
@pytest.mark.parametrize("width", [0, 5])
def test_the_same_generator_state_gives_the_same_batches(width, rate):
    generator = np.random.default_rng(3)
    lengths = generator.integers(1, 30, (50, 2)).tolist()
    made = TrainingBatches(
        records(lengths),
        batch_size=8,
        bucket_width=width,
        negative_sampling_rate=rate,
        generator=generator,
    )
    first = as_lists(made.epoch())
    state = generator.bit_generator.state
    second = as_lists(made.epoch())
    generator.bit_generator.state = state
    again = as_lists(made.epoch())
    assert second == again
    assert first != second
    fresh = batches(records(lengths), 8, width, rate)
    fresh._generator.bit_generator.state = state
    assert as_lists(fresh.epoch()) == second


def test_buckets_do_not_come_one_after_the_other():
    lengths = [(length, length) for length in range(1, 41) for _ in range(10)]
    made = batches(records(lengths), 5, 10).epoch()
    order = [int(batch.in0.lengths[0] - 1) // 10 for batch in made]
    assert set(order) == {0, 1, 2, 3}
    assert order != sorted(order)
    assert order != sorted(order, reverse=True)


@pytest.mark.parametrize("rate", [1, 3])
@pytest.mark.parametrize("width", [0, 4])
def test_made_pairs_have_label_0_and_observed_pairs_their_own(width, rate):
    count = 30
    lengths = [(1 + number % 9, 1 + number % 5) for number in range(count)]
    data = records(lengths, labels=np.full(count, 7.0))
    made = batches(data, 5, width, rate)
    assert made.records_per_epoch == count * (1 + rate)
    observed, negatives = Counter(), Counter()
    for in0, in1, labels in as_lists(made.epoch()):
        for left, right, label in zip(in0, in1, labels, strict=True):
            is_observed = left[0] == right[0]
            assert label == (7.0 if is_observed else 0.0)
            (observed if is_observed else negatives)[left[0]] += 1
            assert left == [left[0]] * (1 + left[0] % 9)
            assert right == [right[0]] * (1 + right[0] % 5)
    fill = -count * (1 + rate) % 5
    assert set(observed) == set(range(count))
    assert all(negatives[number] >= rate for number in range(count))
    if not width:
        assert observed.total() + negatives.total() == count * (1 + rate) + fill


def test_made_pairs_of_two_epochs_differ():
    made = batches(records([(1, 1)] * 60), 6, rate=2)
    first, second = (
        Counter(
            (left[0], right[0])
            for in0, in1, _ in as_lists(made.epoch())
            for left, right in zip(in0, in1, strict=True)
            if left[0] != right[0]
        )
        for _ in range(2)
    )
    assert first != second


def test_labels_of_records_stay_as_they_are():
    data = records([(1, 1)] * 6, labels=[0, 1, 2, 0.5, -3, 1])
    made = batches(data, 3, rate=1)
    for _ in range(2):
        list(made.epoch())
    assert data.labels.tolist() == [0, 1, 2, 0.5, -3, 1]


@pytest.mark.parametrize(
    ("rate", "size", "expected"), [(0, 4, 3), (0, 3, 3), (3, 4, 9), (1, 1, 18)]
)
def test_an_epoch_tells_how_many_batches_it_has(rate, size, expected):
    made = batches(records([(1, 1)] * 9), size, rate=rate)
    epoch = made.epoch()
    assert len(epoch) == len(list(epoch)) == expected


@settings(deadline=None)
@given(lengths=LENGTHS, size=st.integers(1, 50))
def test_scoring_takes_every_record_once_in_order(lengths, size):
    data = records(lengths)
    made = list(scoring_batches(data, size))
    assert all(len(batch) == size for batch in made[:-1])
    assert np.concatenate([batch.labels for batch in made]).tolist() == data.labels.tolist()
    for side, kept in (("in0", data.in0), ("in1", data.in1)):
        rows = [ids.tolist() for batch in made for ids in getattr(batch, side)]
        assert rows == [ids.tolist() for ids in kept]


def test_scoring_nothing_makes_no_batch():
    empty = RaggedArray.from_rows([])
    data = records([(1, 1)])
    nothing = PairRecords(empty, empty, np.zeros(0, dtype=np.float32), data.summary)
    assert list(scoring_batches(nothing, 10)) == []
