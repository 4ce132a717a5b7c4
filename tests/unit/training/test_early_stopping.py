"""The published loss sequences stop where they stopped, with the counts they had."""

import math

import pytest

from object2vec.training.early_stopping import EarlyStopping


def run(losses, patience, tolerance=0.01):
    """The states after every epoch, as long as none of them stops."""
    states = []
    state = EarlyStopping(patience, tolerance)
    for loss in losses:
        state = state.after(loss)
        states.append(state)
        if state.stops:
            break
    return states


# Losses that go on after the published ones, so that stopping is the rule's doing.
MORE = [0.0, 0.0]

PUBLISHED = {
    "movie rating": (
        [0.980, 0.986, 0.959, 0.952, 0.934, 0.932, 0.931, 0.928, 0.919],
        3,
        [None, None, None, 1, 0, 1, 2, 3, 4],
        8,
    ),
    "movie recommendation": (
        [0.579, 0.571, 0.589, 0.727, 0.885, 1.022, 1.086],
        3,
        [None, None, None, 1, 2, 3, 4],
        1,
    ),
    "documents": (
        [0.2085, 0.1976, 0.2025, 0.1813, 0.1969, 0.1930, 0.1977],
        2,
        [None, None, 1, 0, 1, 2, 3],
        3,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_run(name):
    losses, patience, bad_counts, best_epoch = PUBLISHED[name]
    states = run(losses + MORE, patience)
    assert len(states) == len(losses)
    assert states[-1].stops
    assert states[-1].best_epoch == best_epoch
    assert states[-1].best_loss == losses[best_epoch]
    counts = [state.bad_epochs if state.was_checked else None for state in states]
    assert counts == bad_counts
    for epoch, state in enumerate(states):
        assert state.window == tuple(losses[max(0, epoch - patience) : epoch])


def test_published_log_line_of_the_document_run():
    state = run([0.20847, 0.19761, 0.20252], patience=2)[-1]
    assert state.window == (0.20847, 0.19761)
    assert min(state.window) == 0.19761
    assert state.bad_epochs == 1
    assert not state.stops


@pytest.mark.parametrize("patience", [1, 2, 3, 4, 5])
def test_a_constant_loss_fills_the_window_and_then_the_patience(patience):
    states = run([0.5] * 50, patience)
    # `patience` epochs fill the window, then patience + 1 bad ones are one too many.
    assert len(states) == 2 * patience + 1
    assert [state.was_checked for state in states] == [False] * patience + [True] * (patience + 1)
    assert states[-1].best_epoch == 0


@pytest.mark.parametrize("patience", [1, 5])
def test_a_loss_that_falls_by_enough_never_stops(patience):
    states = run([1.0 - 0.011 * epoch for epoch in range(80)], patience)
    assert len(states) == 80
    assert all(state.bad_epochs == 0 for state in states)


@pytest.mark.parametrize("patience", [1, 5])
def test_a_loss_that_falls_by_too_little_stops_with_the_last_epoch_best(patience):
    states = run([1.0 - 0.009 * epoch for epoch in range(80)], patience)
    assert len(states) == 2 * patience + 1
    assert states[-1].best_epoch == 2 * patience


@pytest.mark.parametrize(
    ("before", "after", "is_good"),
    [
        (0.98, 0.97, True),  # 0.010000000000000009
        (0.97, 0.96, True),  # 0.010000000000000009
        (0.59, 0.58, True),  # 0.010000000000000009
        (0.58, 0.57, True),
        (0.3, 0.29, True),  # 0.010000000000000009
        (1.01, 1.0, True),
        (0.98, 0.97001, False),
        (0.98, 0.9701, False),
        (0.98, 0.98, False),
        (0.98, 0.99, False),
    ],
)
def test_a_reduction_of_just_the_tolerance_is_good(before, after, is_good):
    assert (run([before, after], patience=1)[-1].bad_epochs == 0) == is_good


@pytest.mark.parametrize("loss", [0.12, 0.07, 0.03, 1.94])
def test_the_last_digit_of_a_float_does_not_decide(loss):
    # Some of these differences are a little less than .01 in binary.
    assert run([loss, round(loss - 0.01, 2)], patience=1)[-1].bad_epochs == 0


def test_the_smallest_tolerance_still_wants_an_improvement():
    states = run([0.5, 0.5, 0.5], patience=1, tolerance=1e-6)
    assert states[-1].bad_epochs == 2


def test_a_good_epoch_forgets_the_bad_ones():
    states = run([1.0, 1.0, 0.9, 0.9, 0.8], patience=1)
    assert [state.bad_epochs for state in states] == [0, 1, 0, 1, 0]


def test_the_window_slides_past_an_early_best_loss():
    # The minimum is that of the window, not of all epochs.
    states = run([0.1, 0.9, 0.9, 0.9, 0.9, 0.8], patience=3)
    assert states[-1].bad_epochs == 0
    assert states[-1].best_epoch == 0


def test_a_loss_must_undercut_the_whole_window_and_not_its_last_loss():
    states = run([0.5, 0.9, 0.6], patience=2)
    assert states[-1].bad_epochs == 1


def test_of_equal_losses_the_first_is_best():
    assert run([0.4, 0.3, 0.3, 0.3], patience=5)[-1].best_epoch == 1


def test_a_state_is_not_changed_by_what_follows():
    first = EarlyStopping(1, 0.01).after(0.5)
    second = first.after(0.6)
    assert (first.losses, second.losses) == ((0.5,), (0.5, 0.6))
    assert first.bad_epochs == 0
    assert second.bad_epochs == 1


def test_best_loss_is_a_number_the_run_had():
    states = run([3.0, 1.5, 2.0], patience=4)
    assert states[-1].best_loss == 1.5
    assert not math.isnan(states[-1].best_loss)
