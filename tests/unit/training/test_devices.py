"""Training on several devices gives what one device gives: CPU contexts stand for GPUs.

The way through parameters, key-value store and tables is the same for both kinds.
"""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.data.batches import PairBatch
from object2vec.data.ragged import RaggedArray
from object2vec.network import engine
from object2vec.network.engine import mx
from object2vec.network.pair_network import PairNetwork
from object2vec.training.dense_updates import HostUpdates, local_store
from object2vec.training.learner import Learner

NETWORKS = ["pooled_embedding", "hcnn", "bilstm"]


def batches(count, size):
    """Batches whose sides differ in length, some records without a token."""
    generator = np.random.default_rng(4)
    for _ in range(count):
        sides = [
            RaggedArray.from_rows(
                [generator.integers(0, 9, generator.integers(0, 9)).tolist() for _ in range(size)]
            ).drop_outer_padding(0)
            for _ in range(2)
        ]
        yield PairBatch(*sides, generator.integers(0, 2, size).astype(np.float32))


def trained(chosen, contexts, size=6, steps=5):
    """Every weight after some steps, and the sums of every step."""
    network = PairNetwork(chosen, contexts)
    network.load(random_network(chosen).values())
    learner = Learner(network, random_tables(chosen), chosen)
    sums = [learner.learn(batch) for batch in batches(steps, size)]
    return learner, np.array(sums)


def compare(chosen, contexts, **given):
    several, several_sums = trained(chosen, contexts, **given)
    single, single_sums = trained(chosen, mx.cpu(), **given)
    np.testing.assert_allclose(several_sums, single_sums, rtol=1e-4, atol=1e-4)
    expected = single.trained_weights()
    for name, weights in several.trained_weights().items():
        # Adam divides by the size of a gradient: what rounding leaves of zero becomes a step.
        np.testing.assert_allclose(weights, expected[name], atol=2e-3, err_msg=name)
    return several, single


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("network", NETWORKS)
def test_two_devices_train_as_one(network, tied, optimizer):
    chosen = hyperparameters(
        enc0_network=network,
        tied_token_embedding_weight=tied,
        optimizer=optimizer,
        learning_rate=0.05 if optimizer == "sgd" else 0.001,
    )
    several, single = compare(chosen, [mx.cpu(0), mx.cpu(1)])
    assert isinstance(single.optimizer, HostUpdates)
    assert not isinstance(several.optimizer, HostUpdates)
    for name, parameter in several.network.parameters.items():
        first, second = (array.asnumpy() for array in parameter.list_data())
        np.testing.assert_array_equal(first, second, err_msg=name)


@pytest.mark.parametrize("kvstore", ["local", "device", "auto_cpu", "auto_gpu"])
def test_every_local_store_sums_the_devices_gradients(kvstore):
    chosen = hyperparameters(enc0_network="hcnn", optimizer="sgd", _kvstore=kvstore)
    compare(chosen, [mx.cpu(0), mx.cpu(1), mx.cpu(2)])


def test_records_that_do_not_divide_among_the_devices_count_alike():
    chosen = hyperparameters(enc0_network="pooled_embedding", optimizer="sgd", learning_rate=0.1)
    compare(chosen, [mx.cpu(0), mx.cpu(1), mx.cpu(2)], size=7)


def test_row_sparse_tables_train_alike_on_several_devices():
    chosen = hyperparameters(
        enc0_network="pooled_embedding",
        token_embedding_storage_type="row_sparse",
        weight_decay=0.01,
    )
    compare(chosen, [mx.cpu(0), mx.cpu(1)])


def test_names_of_stores():
    assert local_store("nccl") == "nccl"
    assert local_store("auto_cpu") == local_store("local") == "local"
    assert local_store("dist_sync") == local_store("auto_gpu") == local_store("device") == "device"


def test_as_many_devices_as_are_there_and_allowed(monkeypatch):
    monkeypatch.setattr(engine, "gpu_count", lambda: 3)
    assert [str(device) for device in engine.devices(None)] == ["gpu(0)", "gpu(1)", "gpu(2)"]
    assert [str(device) for device in engine.devices(2)] == ["gpu(0)", "gpu(1)"]
    assert [str(device) for device in engine.devices(9)] == ["gpu(0)", "gpu(1)", "gpu(2)"]
    assert [str(device) for device in engine.devices(0)] == ["cpu(0)"]
    monkeypatch.setattr(engine, "gpu_count", lambda: 0)
    assert [str(device) for device in engine.devices(None)] == ["cpu(0)"]


@pytest.mark.skipif(engine.gpu_count() == 0, reason="no GPU is here")
@pytest.mark.parametrize("network", NETWORKS)
def test_gpus_train_as_the_cpu(network):
    compare(hyperparameters(enc0_network=network, optimizer="sgd"), engine.devices(None))
