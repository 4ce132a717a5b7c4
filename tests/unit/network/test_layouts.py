"""Where tokens stand in every layout, against what the layouts promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.network.layouts import InLine, InSteps, Padded, rounded_length

LENGTHS = st.lists(st.integers(0, 40), min_size=1, max_size=30).map(
    lambda lengths: np.array(lengths, dtype=np.int64)
)


def sequences(lengths):
    """The numbers of every sequence's tokens."""
    ends = np.cumsum(lengths)
    return [list(range(end - length, end)) for end, length in zip(ends, lengths, strict=True)]


@settings(deadline=None)
@given(LENGTHS)
def test_padded_sequences_stand_below_one_another(lengths):
    made = Padded.of(lengths)
    rows = made.token_of_row.reshape(len(lengths), made.width)
    for row, tokens in zip(rows, sequences(lengths), strict=True):
        assert row.tolist() == tokens + [-1] * (made.width - len(tokens))


@settings(deadline=None)
@given(LENGTHS, st.integers(0, 4))
def test_sequences_in_a_line_have_zeros_between(lengths, gap):
    made = InLine.of(lengths, gap)
    assert made.starts[0] == 0
    np.testing.assert_array_equal(made.starts[1:], np.cumsum(made.slots)[:-1])
    assert made.slots.sum() == len(made.token_of_row)
    assert made.slots.min() > 0
    for start, slot, tokens in zip(made.starts, made.slots, sequences(lengths), strict=True):
        assert slot >= len(tokens) + gap
        row = made.token_of_row[start : start + slot].tolist()
        assert row == tokens + [-1] * (slot - len(tokens))


@settings(deadline=None)
@given(LENGTHS)
def test_steps_hold_every_sequence_from_either_end(lengths):
    made = InSteps.of(lengths)
    count = made.row_count
    halves = made.token_of_row[:count], made.token_of_row[count:]
    read = [[[] for _ in range(len(lengths))] for _ in halves]
    order = np.argsort(-lengths, kind="stable")
    step = first = 0
    for run in made.runs:
        assert run.first == first
        first += run.steps * run.sequences
        for half, rows in enumerate(halves):
            for row in rows[run.first : first].reshape(run.steps, run.sequences):
                for place, token in enumerate(row.tolist()):
                    read[half][order[place]].append(token)
        # Sequences that ended may take part, none that lasts is left out.
        assert (lengths > step).sum() <= run.sequences
        step += run.steps
    assert first == count
    for ahead, back, tokens in zip(*read, sequences(lengths), strict=True):
        assert ahead == tokens + [-1] * (len(ahead) - len(tokens))
        assert back == tokens[::-1] + [-1] * (len(back) - len(tokens))
    np.testing.assert_array_equal(halves[0][made.row_of_token], np.arange(lengths.sum()))
    np.testing.assert_array_equal(
        halves[1][made.mirrored[made.row_of_token]], np.arange(lengths.sum())
    )
    np.testing.assert_array_equal(made.mirrored[made.mirrored], np.arange(count))


def test_packed_layouts_hold_few_rows_beside_the_tokens():
    generator = np.random.default_rng(1)
    lengths = generator.poisson(14, 64) + generator.integers(0, 3, 64)
    padded = len(Padded.of(lengths).token_of_row)
    assert len(InLine.of(lengths, 1).token_of_row) < 1.25 * lengths.sum() < 0.8 * padded
    assert InSteps.of(lengths).row_count < 1.25 * lengths.sum()


@pytest.mark.parametrize("layout", [lambda lengths: InLine.of(lengths, 1), InSteps.of])
def test_batches_come_in_few_shapes(layout):
    """A shape costs the engine memory for ever; so many batches must not bring as many shapes."""
    generator = np.random.default_rng(2)
    shapes = set()
    for _ in range(2000):
        made = layout(np.minimum(generator.geometric(1 / 14, 64), 82))
        if isinstance(made, InLine):
            shapes.add(len(made.token_of_row))
        else:
            shapes |= {(run.steps, run.sequences) for run in made.runs}
    assert len(shapes) < 200


def test_lengths_are_rounded_to_a_bounded_set_and_by_at_most_a_fifth():
    rounded = [rounded_length(length) for length in range(1, 5001)]
    assert all(new >= length for length, new in enumerate(rounded, start=1))
    assert all(new - length <= new / 5 for length, new in enumerate(rounded, start=1))
    assert len(set(rounded)) <= 45
    assert rounded == sorted(rounded)
    assert all(rounded_length(length) == length for length in set(rounded))
