"""The mean of the weights over an epoch's second half, against the mean by hand."""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.network.tables import TokenTable
from object2vec.training.averaging import WeightAverage
from object2vec.training.learner import Learner


def learner_of(frozen: bool = False) -> Learner:
    chosen = hyperparameters()
    first, second = random_tables(chosen)
    tables = (TokenTable(first.name, first.weights, is_frozen=frozen), second)
    return Learner(random_network(chosen), tables, chosen)


def step(learner: Learner, number: int) -> dict[str, np.ndarray]:
    """Move every weight to another place, and return copies."""
    for table in learner.tables:
        table.weights[:] = table.weights * 0.5 + number
    learner.network.load({name: v * -0.5 for name, v in learner.network.values().items()})
    return {name: value.copy() for name, value in learner.trained_weights().items()}


@pytest.mark.parametrize(
    ("batches", "moments"),
    [(8, [5, 6, 7, 8]), (100, [63, 75, 88, 100]), (1, [1]), (2, [2]), (3, [2, 3])],
)
def test_it_is_the_mean_of_the_weights_after_these_batches(batches, moments):
    learner = learner_of()
    average = WeightAverage(learner, batches, snapshots=4)
    kept = []
    for number in range(1, batches + 1):
        weights = step(learner, number)
        average.after(number)
        if number in moments:
            kept.append(weights)
    assert set(average.values) == set(kept[0])
    for name, value in average.values.items():
        expected = np.mean([weights[name] for weights in kept], axis=0, dtype=np.float64)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5)


def test_one_snapshot_is_the_weights_after_the_last_batch():
    learner = learner_of()
    average = WeightAverage(learner, 7, snapshots=1)
    for number in range(1, 8):
        weights = step(learner, number)
        average.after(number)
    for name, value in average.values.items():
        np.testing.assert_array_equal(value, weights[name])


def test_the_mean_does_not_move_with_the_training_that_goes_on():
    learner = learner_of()
    average = WeightAverage(learner, 1, snapshots=1)
    average.after(1)
    before = {name: value.copy() for name, value in average.values.items()}
    step(learner, 2)
    for name, value in average.values.items():
        np.testing.assert_array_equal(value, before[name])


def test_frozen_tables_are_left_out():
    learner = learner_of(frozen=True)
    average = WeightAverage(learner, 1, snapshots=1)
    average.after(1)
    assert "embed_0_weight" not in average.values
    assert "embed_1_weight" in average.values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_weight_that_is_no_finite_number_is_seen(value):
    learner = learner_of()
    average = WeightAverage(learner, 2, snapshots=4)
    average.after(1)
    step(learner, 1)
    learner.tables[1].weights[3, 1] = value
    average.after(2)
    assert not average.is_finite


def test_finite_weights_are_finite():
    average = WeightAverage(learner_of(), 1, snapshots=4)
    average.after(1)
    assert average.is_finite
