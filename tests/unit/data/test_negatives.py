"""Made pairs: same in0, another record's in1, nothing that was observed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data import negatives
from object2vec.data.negatives import NegativeSampler, fingerprints
from object2vec.data.ragged import RaggedArray

ROW = st.lists(st.integers(0, 3), max_size=6)
WIDE_ROW = st.lists(st.integers(0, 2**31 - 1), max_size=8)


def rows_of(*rows):
    return RaggedArray.from_rows(rows)


@settings(deadline=None, max_examples=300)
@given(rows=st.lists(st.one_of(ROW, WIDE_ROW), min_size=1, max_size=30))
def test_fingerprints_are_equal_just_where_rows_are(rows):
    made = fingerprints(RaggedArray.from_rows(rows))
    for first in range(len(rows)):
        for second in range(first):
            assert (made[first] == made[second]) == (rows[first] == rows[second])


@settings(deadline=None)
@given(rows=st.lists(WIDE_ROW, min_size=1, max_size=10))
def test_a_row_has_one_fingerprint_wherever_it_stands(rows):
    made = fingerprints(RaggedArray.from_rows(rows))
    alone = [fingerprints(rows_of(row))[0] for row in rows]
    assert made.tolist() == alone


def test_fingerprints_of_every_short_row_differ():
    rows = [[a, b, c] for a in range(40) for b in range(40) for c in range(40)]
    rows += [[a, b] for a in range(40) for b in range(40)]
    rows += [[a] for a in range(1000)] + [[]] + [[0] * length for length in range(2, 200)]
    rows = [list(row) for row in {tuple(row) for row in rows}]
    assert len(np.unique(fingerprints(RaggedArray.from_rows(rows)))) == len(rows)


def test_no_rows_have_no_fingerprints():
    assert fingerprints(rows_of()).shape == (0,)


def draw(in0, in1, rate, seed=0):
    return NegativeSampler(in0, in1, rate).draw(np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [1, 2, 5])
def test_every_record_gets_its_negatives(rate):
    singles = RaggedArray.from_rows([number] for number in range(50))
    left, right = draw(singles, singles, rate)
    assert left.shape == right.shape == (50 * rate,)
    assert Counter(left.tolist()) == dict.fromkeys(range(50), rate)
    assert right.min() >= 0
    assert right.max() < 50
    assert (left != right).all()


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40),
    seed=st.integers(0, 1000),
)
def test_no_made_pair_was_observed_where_most_draws_are_free(pairs, seed):
    in0 = RaggedArray.from_rows([left, left + 1] for left, _ in pairs)
    in1 = RaggedArray.from_rows([right] for _, right in pairs)
    observed = set(pairs)
    left, right = draw(in0, in1, 2, seed)
    for made0, made1 in zip(left.tolist(), right.tolist(), strict=True):
        pair = pairs[made0][0], pairs[made1][1]
        free = sum((pair[0], other) not in observed for _, other in pairs) / len(pairs)
        # The chance that every try fails is less than one in a million million.
        assert free < 0.75 or pair not in observed


def test_pairs_are_compared_by_their_tokens_not_by_their_records():
    # Records 0 to 3 hold the same pair; only record 4's in1 is another.
    in0, in1 = rows_of([1], [1], [1], [1], [2]), rows_of([7, 8], [7, 8], [7, 8], [7, 8], [9])
    for seed in range(20):
        left, right = draw(in0, in1, 3, seed)
        assert set(right[left < 4].tolist()) <= {4}
        assert set(right[left == 4].tolist()) <= {0, 1, 2, 3}


def test_an_observed_pair_of_two_other_records_is_not_made():
    # in0 [1] was observed with [5] and with [6]; only [7] is left for it.
    in0, in1 = rows_of([1], [1], [2], [2]), rows_of([5], [6], [7], [5])
    for seed in range(20):
        left, right = draw(in0, in1, 2, seed)
        made = {(int(first), int(second)) for first, second in zip(left, right, strict=True)}
        assert {second for first, second in made if first < 2} == {2}
        assert {second for first, second in made if first >= 2} <= {1}


@pytest.mark.parametrize("count", [1, 5])
def test_where_every_pair_was_observed_the_draw_still_ends(count):
    in0 = RaggedArray.from_rows([left] for left in range(count) for _ in range(count))
    in1 = RaggedArray.from_rows([right] for _ in range(count) for right in range(count))
    left, right = draw(in0, in1, 4)
    assert left.shape == right.shape == (4 * count * count,)
    assert right.min() >= 0
    assert right.max() < count * count


def test_one_record_that_knows_everything_does_not_spoil_the_others():
    # in0 [0] stands with every in1; the others with one each.
    lefts = [0] * 8 + list(range(1, 9))
    rights = list(range(8)) * 2
    left, right = draw(
        RaggedArray.from_rows([value] for value in lefts),
        RaggedArray.from_rows([value] for value in rights),
        5,
    )
    observed = set(zip(lefts, rights, strict=True))
    made = [
        (lefts[first], rights[second])
        for first, second in zip(left.tolist(), right.tolist(), strict=True)
    ]
    assert all(pair not in observed for pair in made if pair[0])


def test_draws_come_from_the_generator_alone():
    singles = RaggedArray.from_rows([number] for number in range(30))
    sampler = NegativeSampler(singles, singles, 2)
    generator = np.random.default_rng(4)
    first, second = sampler.draw(generator), sampler.draw(generator)
    assert not np.array_equal(first[1], second[1])
    again = sampler.draw(np.random.default_rng(4))
    np.testing.assert_array_equal(again, first)


def test_every_free_record_is_drawn_about_as_often():
    singles = RaggedArray.from_rows([number] for number in range(20))
    left, right = draw(singles, singles, 1000)
    counts = np.zeros((20, 20), dtype=int)
    np.add.at(counts, (left, right), 1)
    assert (np.diag(counts) == 0).all()
    off = counts[~np.eye(20, dtype=bool)]
    assert off.min() > 25
    assert off.max() < 85


def test_rows_and_pairs_are_looked_at_in_blocks_to_the_same_end(monkeypatch):
    chance = np.random.default_rng(3)
    rows = RaggedArray.from_rows(chance.integers(0, 4, chance.integers(0, 4)) for _ in range(100))
    whole = fingerprints(rows), *draw(rows, rows, 3)
    monkeypatch.setattr(negatives, "_BLOCK_ROWS", 7)
    in_blocks = fingerprints(rows), *draw(rows, rows, 3)
    for one, other in zip(whole, in_blocks, strict=True):
        assert one.tolist() == other.tolist()
