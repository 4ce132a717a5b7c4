"""Dropout at every rate, as a block of its own and inside of the network."""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.data.batches import PairBatch
from object2vec.data.ragged import RaggedArray
from object2vec.network.dropout import DropoutMasks, make_dropout
from object2vec.network.engine import autograd, nd
from object2vec.training.learner import Learner


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_dropout_in_training_and_scoring(rate):
    block = make_dropout(rate)
    block.hybridize()
    values = nd.ones((100, 100)) * 3
    values.attach_grad()
    with autograd.record():
        trained = block(values)
    trained.backward()
    trained, gradient = trained.asnumpy(), values.grad.asnumpy()
    assert (trained == 0).mean() == pytest.approx(rate, abs=0.03)
    if rate < 1:
        np.testing.assert_allclose(trained[trained != 0], 3 / (1 - rate), rtol=1e-5)
    np.testing.assert_allclose(gradient, trained / 3, rtol=1e-5)
    np.testing.assert_array_equal(block(values).asnumpy(), values.asnumpy())


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 1.0])
def test_masks_keep_the_mean_of_what_they_multiply(rate):
    mask = DropoutMasks(rate).draw((200, 100))
    assert mask.dtype == np.float32
    assert (mask == 0).mean() == pytest.approx(rate, abs=0.02)
    if rate < 1:
        np.testing.assert_allclose(mask[mask != 0], 1 / (1 - rate), rtol=1e-6)


def test_masks_go_on_from_a_state_that_was_kept():
    masks, other = DropoutMasks(0.5), DropoutMasks(0.5)
    masks.seed(7)
    masks.draw((30,))
    state = masks.generator.bit_generator.state
    following = masks.draw((50,))
    other.generator.bit_generator.state = state
    np.testing.assert_array_equal(other.draw((50,)), following)


def test_there_is_no_mask_without_dropout():
    assert DropoutMasks(0.0).draw((2, 3)) is None


@pytest.mark.parametrize("network", ["pooled_embedding", "hcnn", "bilstm"])
def test_a_network_whose_every_value_is_dropped_learns_its_output_bias_only(network):
    chosen = hyperparameters(enc0_network=network, dropout=1.0, mlp_layers=2)
    tables, pair_network = random_tables(chosen), random_network(chosen)
    before = pair_network.values()
    rows = RaggedArray.from_rows([[1, 2], [3]])
    sums = Learner(pair_network, tables, chosen).learn(
        PairBatch(rows, rows, np.array([0, 1], dtype=np.float32))
    )
    assert np.isfinite(sums).all()
    moved = {name for name, value in pair_network.values().items() if (value != before[name]).any()}
    assert moved == {"output_layer_bias"}
