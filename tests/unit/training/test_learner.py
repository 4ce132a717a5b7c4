"""Steps of training: what moves, what stays, and that chance comes from seeds alone."""

import numpy as np
import pytest
from tests.unit.network.small import (
    hyperparameters,
    pair_records,
    random_network,
    random_tables,
)

from object2vec.data.batches import PairBatch, TrainingBatches
from object2vec.data.ragged import RaggedArray
from object2vec.network.engine import mx
from object2vec.network.initial_values import initial_weights, new_tables, output_prior
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable
from object2vec.training.learner import Learner, evaluate

OPTIMIZERS = ["sgd", "adagrad", "rmsprop", "adadelta", "adam"]


def batch_of(*records):
    in0, in1, labels = zip(*records, strict=True)
    return PairBatch(
        RaggedArray.from_rows(in0), RaggedArray.from_rows(in1), np.array(labels, dtype=np.float32)
    )


BATCH = batch_of(([1, 2], [3], 1), ([4], [5, 6, 1], 0), ([2], [2], 1))


def frozen(tables, *numbers):
    return tuple(
        TokenTable(table.name, table.weights, number in numbers)
        for number, table in enumerate(tables)
    )


def snapshot(learner):
    tables = {table.name: table.weights.copy() for table in learner.tables}
    return learner.network.values() | tables


def moved(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


# One layer: no filter of these small ones is silent for the whole of the batch.
MOVING = [("pooled_embedding", name) for name in OPTIMIZERS] + [("hcnn", "adam"), ("bilstm", "sgd")]


@pytest.mark.parametrize(("network", "optimizer"), MOVING)
@pytest.mark.parametrize("still", [(), (0,), (1,), (0, 1)])
def test_frozen_tables_stay_to_the_bit_and_all_else_moves(still, network, optimizer):
    chosen = hyperparameters(
        enc0_network=network, enc0_layers=1, optimizer=optimizer, weight_decay=0.01
    )
    tables = frozen(random_tables(chosen), *still)
    learner = Learner(random_network(chosen), tables, chosen)
    before = snapshot(learner)
    for _ in range(3):
        learner.learn(BATCH)
    learner.settle()
    assert moved(before, snapshot(learner)) == set(before) - {tables[side].name for side in still}


def test_a_frozen_tied_table_stays_to_the_bit():
    chosen = hyperparameters(enc0_network="hcnn", enc0_layers=1, tied_token_embedding_weight="true")
    tables = frozen(random_tables(chosen), 0)
    learner = Learner(random_network(chosen), tables, chosen)
    before = snapshot(learner)
    learner.learn(BATCH)
    assert moved(before, snapshot(learner)) == set(before) - {"embed_shared_weight"}


def after_one_step(optimizer="sgd", **given):
    chosen = hyperparameters(enc0_network="hcnn", optimizer=optimizer, learning_rate=0.1, **given)
    learner = Learner(random_network(chosen), random_tables(chosen), chosen)
    before = snapshot(learner)
    learner.learn(BATCH)
    learner.settle()
    return before, snapshot(learner)


@pytest.mark.parametrize("storage", ["dense", "row_sparse"])
def test_weights_decay_and_biases_do_not(storage):
    before, plain = after_one_step(token_embedding_storage_type=storage)
    _, decayed = after_one_step(token_embedding_storage_type=storage, weight_decay=0.5)
    read = {"embed_0_weight": [1, 2, 4], "embed_1_weight": [1, 2, 3, 5, 6]}
    for name, value in plain.items():
        expected = np.zeros_like(value) if name.endswith("bias") else 0.1 * 0.5 * before[name]
        if storage == "row_sparse" and name in read:
            rest = np.setdiff1d(np.arange(len(expected)), read[name])
            expected[rest] = 0
        np.testing.assert_allclose(value - decayed[name], expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_biases_never_decay_whatever_the_optimizer(optimizer):
    # Both outputs' biases get the same gradient with and without decay in a first step.
    _, plain = after_one_step(optimizer)
    _, decayed = after_one_step(optimizer, weight_decay=0.5)
    for name, value in plain.items():
        same = np.allclose(value, decayed[name], atol=1e-7)
        assert same == name.endswith("bias"), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("output_layer", ["softmax", "mean_squared_error"])
def test_network_parameters_move_as_the_engines_optimizer_moves_them(output_layer, optimizer):
    """The token tables are held fixed, so that gradients can be had from sgd at rate 1."""
    given = {"enc0_network": "hcnn", "output_layer": output_layer}
    slopes = hyperparameters(**given, optimizer="sgd", learning_rate=1)
    tables = frozen(random_tables(slopes), 0, 1)
    once = Learner(random_network(slopes), tables, slopes)
    before = snapshot(once)
    once.learn(BATCH)
    after = snapshot(once)

    chosen = hyperparameters(**given, optimizer=optimizer, learning_rate=0.01)
    learner = Learner(random_network(chosen), tables, chosen)
    learner.learn(BATCH)
    for name, value in learner.network.values().items():
        rule = mx.optimizer.create(optimizer, learning_rate=0.01)
        weight, gradient = (
            mx.nd.array(array) for array in (before[name], before[name] - after[name])
        )
        rule.update(0, weight, gradient, rule.create_state(0, weight))
        # A first step of these optimizers is nearly the gradient's sign: tiny ones are noise.
        clear = np.abs(gradient.asnumpy()) > 1e-4
        np.testing.assert_allclose(value[clear], weight.asnumpy()[clear], atol=2e-5, err_msg=name)


def planted(count=240, seed=0):
    """Pairs of 20 objects each side; a pair belongs together when its numbers are equal mod 3."""
    generator = np.random.default_rng(seed)
    left, right = generator.integers(1, 21, (2, count))
    labels = (left % 3 == right % 3).astype(int)
    return pair_records([[int(token)] for token in left], [[int(token)] for token in right], labels)


# Learning rates, and the epochs in which each of them learns this with some to spare.
RATES = {
    "sgd": (1.0, 11),
    "adagrad": (0.1, 7),
    "rmsprop": (0.02, 7),
    "adadelta": (1.0, 11),
    "adam": (0.02, 7),
}


def train(records, epochs, seed=5, **given):
    """The metrics of every epoch, train and evaluated, all chance from one seed."""
    chosen = hyperparameters(
        **{"enc0_vocab_size": 21, "enc0_max_seq_len": 4, "enc_dim": 16, "mlp_dim": 16, **given}
    )
    generator = np.random.default_rng(seed)
    network = PairNetwork(chosen, mx.cpu())
    network.seed(seed)
    prior = output_prior(records.labels, chosen)
    network.load(initial_weights(network.shapes, prior, generator))
    learner = Learner(network, new_tables(chosen, (None, None), generator), chosen)
    batches = TrainingBatches(
        records,
        batch_size=chosen.mini_batch_size,
        bucket_width=chosen.bucket_width,
        negative_sampling_rate=chosen.negative_sampling_rate,
        generator=generator,
    )
    history = []
    for _ in range(epochs):
        sums = [learner.learn(batch).tolist() for batch in batches.epoch()]
        learner.settle()
        history.append((sums, evaluate(learner.network, learner.tables, records).values()))
    return history


LEARNING = [(name, "dense") for name in OPTIMIZERS]
LEARNING += [(name, "row_sparse") for name in ("adagrad", "adam")]


@pytest.mark.parametrize(("optimizer", "storage"), LEARNING)
def test_every_optimizer_learns_a_planted_rule(optimizer, storage):
    learning_rate, epochs = RATES[optimizer]
    history = train(
        planted(),
        epochs,
        enc0_network="pooled_embedding",
        optimizer=optimizer,
        learning_rate=learning_rate,
        mini_batch_size=10,
        mlp_activation="relu",
        token_embedding_storage_type=storage,
    )
    assert history[-1][1]["accuracy"] > 0.95
    assert history[-1][1]["cross_entropy"] < 0.25


@pytest.mark.parametrize(
    "given",
    [
        {"enc0_network": "pooled_embedding", "negative_sampling_rate": 2},
        {"enc0_network": "hcnn", "dropout": 0.3, "bucket_width": 1},
        {"enc0_network": "bilstm", "enc0_layers": 2, "dropout": 0.3},
        {"enc0_network": "hcnn", "token_embedding_storage_type": "row_sparse", "dropout": 0.5},
    ],
    ids=lambda given: "-".join(map(str, given.values())),
)
def test_the_same_seed_gives_the_same_metrics_and_another_one_others(given):
    records = planted(40)
    first, second, other = (train(records, 3, seed, **given) for seed in (5, 5, 6))
    assert first == second
    assert all(mine != another for mine, another in zip(first, other, strict=True))


def test_a_step_returns_the_sums_from_before_it():
    chosen = hyperparameters(enc0_network="hcnn", optimizer="sgd", learning_rate=0.5)
    tables, network = random_tables(chosen), random_network(chosen)
    records = pair_records(BATCH.in0, BATCH.in1, BATCH.labels)
    before = evaluate(network, tables, records).sums
    np.testing.assert_allclose(Learner(network, tables, chosen).learn(BATCH), before, rtol=1e-5)
    assert not np.allclose(evaluate(network, tables, records).sums, before, rtol=1e-5)


def test_evaluation_changes_nothing_and_drops_nothing():
    chosen = hyperparameters(enc0_network="bilstm", enc0_layers=2, dropout=0.5)
    learner = Learner(random_network(chosen), random_tables(chosen), chosen)
    learner.learn(BATCH)
    learner.settle()
    before = snapshot(learner)
    records = pair_records(BATCH.in0, BATCH.in1, BATCH.labels)
    first, second = (evaluate(learner.network, learner.tables, records).values() for _ in range(2))
    assert first == second
    assert not moved(before, snapshot(learner))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_settled_tables_are_what_training_goes_on_from(optimizer):
    ends = []
    for is_settled in (True, False):
        chosen = hyperparameters(enc0_network="pooled_embedding", optimizer=optimizer)
        learner = Learner(random_network(chosen), random_tables(chosen), chosen)
        for number in range(12):
            learner.learn(batch_of(([1 + number % 8], [8 - number % 5], number % 2)))
            if is_settled:
                learner.settle()
        learner.settle()
        ends.append(snapshot(learner))
    for name, value in ends[0].items():
        np.testing.assert_allclose(value, ends[1][name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("tied", ["true", "false"])
@pytest.mark.parametrize("network", ["pooled_embedding", "hcnn", "bilstm"])
def test_a_batch_without_a_token_can_be_learnt_from(network, tied):
    chosen = hyperparameters(enc0_network=network, tied_token_embedding_weight=tied)
    learner = Learner(random_network(chosen), random_tables(chosen), chosen)
    sums = learner.learn(batch_of(([], [], 1), ([], [], 0)))
    assert np.isfinite(sums).all()
    assert all(np.isfinite(value).all() for value in snapshot(learner).values())


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_a_batch_without_a_token_leaves_every_row_of_a_row_sparse_table(optimizer):
    # The engine reads some row where there is none to read; that row is not the batch's.
    chosen = hyperparameters(
        enc0_network="hcnn",
        optimizer=optimizer,
        weight_decay=0.1,
        token_embedding_storage_type="row_sparse",
        padding_id=3,
    )
    learner = Learner(random_network(chosen), random_tables(chosen), chosen)
    learner.learn(batch_of(([0, 1], [0, 1], 1)))
    before = snapshot(learner)
    learner.learn(batch_of(([], [3, 3], 1), ([3], [2], 0)))
    changed = moved(before, snapshot(learner))
    assert "embed_0_weight" not in changed
    assert "embed_1_weight" in changed


@pytest.mark.parametrize("network", ["pooled_embedding", "hcnn", "bilstm"])
def test_a_rate_far_too_high_shows_in_the_sums(network):
    chosen = hyperparameters(
        enc0_network=network,
        optimizer="sgd",
        learning_rate=1.0,
        output_layer="mean_squared_error",
        mlp_layers=3,
    )
    learner = Learner(random_network(chosen, scale=3.0), random_tables(chosen), chosen)
    batch = PairBatch(BATCH.in0, BATCH.in1, np.array([1e6, -1e6, 1e6], dtype=np.float32))
    sums = [learner.learn(batch) for _ in range(20)]
    assert not np.isfinite(sums[-1]).all()
