"""The weights, outputs and tables a training begins with."""

import numpy as np
import pytest
from tests.unit.network.small import hyperparameters

from object2vec.data.vectors import TokenVectors
from object2vec.network.engine import mx
from object2vec.network.initial_values import (
    TABLE_SCALE,
    initial_weights,
    new_tables,
    output_prior,
)
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import table_names

FILES = {"enc0_vocab_file": "v.json", "enc0_pretrained_embedding_file": "glove.txt"}


def vectors(ids, value, dimension=3):
    return TokenVectors(
        ids=np.array(ids, dtype=np.int64),
        vectors=np.full((len(ids), dimension), value, dtype=np.float32),
        lines_read=len(ids),
        duplicates=0,
    )


def tables_of(chosen, side0=None, side1=None, seed=0):
    return new_tables(chosen, (side0, side1), np.random.default_rng(seed))


def test_every_side_has_a_table_of_its_own_size():
    chosen = hyperparameters(
        enc0_network="hcnn",
        enc1_network="pooled_embedding",
        enc1_vocab_size=20,
        enc1_max_seq_len=5,
    )
    tables = tables_of(chosen)
    assert [table.name for table in tables] == ["embed_0_weight", "embed_1_weight"]
    assert [table.weights.shape for table in tables] == [(9, 3), (20, 6)]
    assert all(table.weights.dtype == np.float32 for table in tables)
    assert not any(table.is_frozen for table in tables)


def test_tied_sides_share_one():
    chosen = hyperparameters(enc0_network="hcnn", tied_token_embedding_weight="true")
    assert table_names(chosen) == ("embed_shared_weight",)
    assert [table.name for table in tables_of(chosen)] == ["embed_shared_weight"]


def test_initial_rows_are_small_on_both_sides_of_zero_and_the_seeds():
    chosen = hyperparameters(enc0_network="hcnn", enc0_vocab_size=2000, enc0_token_embedding_dim=50)
    first, again, other = (tables_of(chosen, seed=seed) for seed in (0, 0, 1))
    for table in first:
        assert np.abs(table.weights).max() <= TABLE_SCALE
        assert np.abs(table.weights).max() > 0.99 * TABLE_SCALE
        assert abs(table.weights.mean()) < 0.01 * TABLE_SCALE
    np.testing.assert_array_equal(first[0].weights, again[0].weights)
    assert not np.array_equal(first[0].weights, other[0].weights)


@pytest.mark.parametrize("freeze", ["true", "false"])
def test_pretrained_vectors_replace_the_rows_of_their_tokens_only(freeze):
    chosen = hyperparameters(
        enc0_network="hcnn",
        enc1_network="hcnn",
        enc1_vocab_size=9,
        enc1_max_seq_len=5,
        enc1_token_embedding_dim=3,
        enc0_freeze_pretrained_embedding=freeze,
        **FILES,
    )
    plain = tables_of(chosen)
    tables = tables_of(chosen, vectors([2, 5], 7.0))
    assert (tables[0].weights[[2, 5]] == 7.0).all()
    rest = [0, 1, 3, 4, 6, 7, 8]
    np.testing.assert_array_equal(tables[0].weights[rest], plain[0].weights[rest])
    np.testing.assert_array_equal(tables[1].weights, plain[1].weights)
    # A side that brought no vectors is not frozen, whatever its hyperparameter's default.
    assert [table.is_frozen for table in tables] == [freeze == "true", False]


def test_a_tied_table_takes_both_sides_vectors_the_second_over_the_first():
    chosen = hyperparameters(
        enc0_network="hcnn", tied_token_embedding_weight="true", enc0_vocab_size=9, **FILES
    )
    (table,) = tables_of(chosen, vectors([1, 2], 4.0), vectors([2, 3], 5.0))
    assert table.weights[[1, 2, 3], 0].tolist() == [4.0, 5.0, 5.0]
    assert table.is_frozen


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_weights_are_bounded_by_their_inputs_and_biases_begin_at_zero(network):
    chosen = hyperparameters(
        enc0_network=network, enc0_token_embedding_dim=20, enc_dim=32, mlp_dim=40, mlp_layers=2
    )
    shapes = PairNetwork(chosen, mx.cpu()).shapes
    prior = np.array([-1, 2], dtype=np.float32)
    values = initial_weights(shapes, prior, np.random.default_rng(5))
    assert {name: value.shape for name, value in values.items()} == shapes
    assert values.pop("output_layer_bias").tolist() == [-1, 2]
    assert not values.pop("output_layer_weight").any()
    for name, value in values.items():
        if name.endswith("bias"):
            assert not value.any()
            continue
        bound = (3 / np.prod(value.shape[1:])) ** 0.5
        assert 0.8 * bound < np.abs(value).max() <= bound * (1 + 1e-6)
        assert abs(value.mean()) < 0.2 * bound


def test_weights_come_from_the_generator_alone():
    shapes = PairNetwork(hyperparameters(enc0_network="bilstm"), mx.cpu()).shapes
    name = "source_lstm0_forward_i2h_weight"
    draws = []
    for seed in (5, 5, 6):
        mx.random.seed(len(draws))
        draws.append(initial_weights(shapes, np.zeros(2), np.random.default_rng(seed))[name])
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_a_regression_begins_at_the_mean_label_with_negatives_counted_as_zero():
    labels = np.array([1, 2, 6], dtype=np.float32)
    regression = {"output_layer": "mean_squared_error"}
    assert output_prior(labels, hyperparameters(**regression)).tolist() == [3]
    chosen = hyperparameters(**regression, negative_sampling_rate=2)
    assert output_prior(labels, chosen).tolist() == [1]


def test_a_classification_begins_at_the_shares_of_the_classes():
    labels = np.array([0, 0, 1, 1, 1], dtype=np.float32)
    prior = output_prior(labels, hyperparameters(num_classes=3))
    np.testing.assert_allclose(np.exp(prior), [3 / 8, 4 / 8, 1 / 8], rtol=1e-6)
    prior = output_prior(labels, hyperparameters(num_classes=3, negative_sampling_rate=1))
    np.testing.assert_allclose(np.exp(prior), [8 / 13, 4 / 13, 1 / 13], rtol=1e-6)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_sides_of_one_shape_begin_equal_and_share_nothing(network):
    chosen = hyperparameters(enc0_network=network)
    shapes = PairNetwork(chosen, mx.cpu()).shapes
    values = initial_weights(shapes, np.zeros(2), np.random.default_rng(5))
    sources = [name for name in values if name.startswith("source_")]
    assert sources
    for name in sources:
        twin = values["target_" + name.removeprefix("source_")]
        np.testing.assert_array_equal(values[name], twin)
        assert not np.shares_memory(values[name], twin)
    first, second = tables_of(chosen)
    np.testing.assert_array_equal(first.weights, second.weights)
    assert not np.shares_memory(first.weights, second.weights)


def test_sides_of_other_shapes_begin_each_with_its_own():
    chosen = hyperparameters(
        enc0_network="hcnn",
        enc1_network="hcnn",
        enc1_cnn_filter_width=2,
        enc1_vocab_size=9,
        enc1_max_seq_len=5,
        enc1_token_embedding_dim=4,
    )
    shapes = PairNetwork(chosen, mx.cpu()).shapes
    values = initial_weights(shapes, np.zeros(2), np.random.default_rng(5))
    assert values["source_conv0_weight"].shape != values["target_conv0_weight"].shape
    first, second = tables_of(chosen)
    assert not np.array_equal(first.weights[:, :3], second.weights[:, :3])


def test_an_output_layer_without_hidden_ones_has_weights_to_begin_with():
    shapes = PairNetwork(hyperparameters(mlp_layers=0), mx.cpu()).shapes
    values = initial_weights(shapes, np.zeros(2), np.random.default_rng(5))
    assert values["output_layer_weight"].all()
