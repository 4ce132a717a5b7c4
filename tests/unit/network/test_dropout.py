"""Dropout at every rate, as a block of its own and inside of the network."""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.data.batches import PairBatch
from object2vec.data.ragged import RaggedArray
from object2vec.network.dropout import make_dropout
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
