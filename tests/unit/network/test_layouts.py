"""Where tokens stand in every layout, against what the layouts promise."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.network.layouts import InLine, InSteps, Padded, rounded_length

LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=30).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


def sequences_of(lengths):
    """The numbers of every sequence's tokens."""
    ends = np.cumsum(lengths)
    return [list(range(end - length, end)) for end, length in zip(ends, lengths, strict=True)]


@settings(deadline=None)
@given(LENGTHS)
def test_padded_sequences_stand_below_one_another(lengths):
    made = Padded.of(lengths)
    rows = made.token_of_row.reshape(len(lengths), made.width)
    for row, tokens in zip(rows, sequences_of(lengths), strict=True):
        assert row.tolist() == tokens + [-1] * (made.width - len(tokens))


@settings(deadline=None)
@given(LENGTHS, st.integers(0, 4))
def test_sequences_in_a_line_have_zeros_between(lengths, gap):
    made = InLine.of(lengths, gap)
    assert made.starts[0] == 0
    np.testing.assert_array_equal(made.starts[1:], np.cumsum(made.slots)[:-1])
    assert made.slots.sum() == len(made.token_of_row)
    assert made.slots.min() > 0
    for start, slot, tokens in zip(made.starts, made.slots, sequences_of(lengths), strict=True):
        assert slot >= len(tokens) + gap
        row = made.token_of_row[start : start + slot].tolist()
        assert row == tokens + [-1] * (slot - len(tokens))


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 4))
def test_steps_hold_every_sequence_from_either_end(lengths, groups):
    made = InSteps.of(lengths, groups)
    count = made.row_count
    halves = made.token_of_row[:count], made.token_of_row[count:]
    found = [[], []]
    first = 0
    for group in made.groups:
        assert group.first == first
        assert list(group.counts) == sorted(group.counts, reverse=True)
        for half, rows in enumerate(halves):
            sequences = [[] for _ in range(group.counts[0])]
            start = first
            for step in group.counts:
                for place, token in enumerate(rows[start : start + step].tolist()):
                    sequences[place].append(token)
                start += step
            found[half] += sequences
        first += group.row_count
    expected = [tokens for tokens in sequences_of(lengths) if tokens]
    assert sorted(found[0]) == expected
    assert [tokens[::-1] for tokens in found[1]] == found[0]
    if not expected:
        assert made.token_of_row.tolist() == [-1, -1]
        return
    assert first == count == lengths.sum()
    np.testing.assert_array_equal(halves[0][made.row_of_token], np.arange(count))
    in_second_half = made.mirrored[made.row_of_token]
    np.testing.assert_array_equal(halves[1][in_second_half], np.arange(count))


def test_groups_have_sequences_of_all_lengths():
    lengths = np.random.default_rng(3).geometric(1 / 14, 64)
    rows = [group.row_count for group in InSteps.of(lengths, 4).groups]
    assert len(rows) == 4
    assert max(rows) < 1.3 * min(rows)


def test_packed_layouts_hold_few_rows_beside_the_tokens():
    generator = np.random.default_rng(1)
    lengths = generator.poisson(14, 64) + generator.integers(0, 3, 64)
    padded = len(Padded.of(lengths).token_of_row)
    assert len(InLine.of(lengths, 1).token_of_row) < 1.25 * lengths.sum() < 0.8 * padded


def test_batches_come_in_few_shapes():
    """A shape costs the engine memory for ever; so many batches must not bring as many shapes."""
    generator = np.random.default_rng(2)
    lengths = [np.minimum(generator.geometric(1 / 14, 64), 82) for _ in range(2000)]
    assert len({len(InLine.of(each, 1).token_of_row) for each in lengths}) < 20


def test_lengths_are_rounded_to_a_bounded_set_and_by_at_most_a_fifth():
    rounded = [rounded_length(length) for length in range(1, 5001)]
    assert all(new >= length for length, new in enumerate(rounded, start=1))
    assert all(new - length <= new / 5 for length, new in enumerate(rounded, start=1))
    assert len(set(rounded)) <= 45
    assert rounded == sorted(rounded)
    assert all(rounded_length(length) == length for length in set(rounded))
