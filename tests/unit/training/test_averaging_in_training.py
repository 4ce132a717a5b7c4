"""The mean of the weights beside real steps of training, deferred updates and all."""

import numpy as np
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.data.batches import PairBatch
from object2vec.data.ragged import RaggedArray
from object2vec.training import averaging
from object2vec.training.averaging import SNAPSHOTS, WeightAverage
from object2vec.training.learner import Learner


def learner_of():
    chosen = hyperparameters(enc0_network="pooled_embedding", optimizer="adam")
    return Learner(random_network(chosen), random_tables(chosen), chosen)


def batch(number):
    # Rows 7 and 8 are read in the first batch only: deferred updates must be in the mean.
    rows = [[7, 8]] if not number else [[1 + number % 5]]
    ragged = RaggedArray.from_rows(rows)
    return PairBatch(ragged, ragged, np.array([number % 2], dtype=np.float32))


def run(learner, batches, snapshots):
    """The mean, and the weights after every step."""
    average, steps = WeightAverage(learner, batches, snapshots), []
    for number in range(batches):
        learner.learn(batch(number))
        average.after(number + 1)
        steps.append({name: value.copy() for name, value in learner.trained_weights().items()})
    return average.values, steps


def test_the_mean_is_over_rows_that_are_up_to_date():
    mean, steps = run(learner_of(), 16, SNAPSHOTS)
    for name, value in mean.items():
        expected = np.mean([steps[step][name].astype(float) for step in (9, 11, 13, 15)], axis=0)
        np.testing.assert_allclose(value, expected, atol=1e-6, err_msg=name)
    # Rows that no step of the second half reads move on all the same.
    assert (steps[9]["embed_0_weight"][7] != steps[15]["embed_0_weight"][7]).all()


def test_training_knows_nothing_of_the_mean():
    with_mean, without = learner_of(), learner_of()
    run(with_mean, 12, SNAPSHOTS)
    for number in range(12):
        without.learn(batch(number))
    expected = without.trained_weights()
    for name, value in with_mean.trained_weights().items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)


def test_blocks_change_nothing(monkeypatch):
    whole, _ = run(learner_of(), 8, SNAPSHOTS)
    monkeypatch.setattr(averaging, "_BLOCK_ELEMENTS", 5)
    blocks, _ = run(learner_of(), 8, SNAPSHOTS)
    for name, value in whole.items():
        np.testing.assert_array_equal(blocks[name], value)
