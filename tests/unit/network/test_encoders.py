"""Every encoder against the plain statement of its mathematics."""

import numpy as np
import pytest
from tests.unit.network.reference import ReferenceNetwork
from tests.unit.network.small import encode, hyperparameters, random_network, random_tables

from object2vec.network.encoders import filters_per_layer
from object2vec.network.engine import autograd

pytestmark = pytest.mark.usefixtures("each_layout")

# Tokens 1..8; 0 is padding unless a test says otherwise.
ROWS = [
    [1],
    [2, 3],
    [],
    [4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6],
    [0, 0],
    [3, 0, 4],
    [0, 0, 5, 6, 0],
    [7, 7, 7],
    [8, 0, 0, 0, 1, 0, 2],
]

NETWORKS = {
    "pooled_embedding": {"enc0_network": "pooled_embedding"},
    "hcnn": {"enc0_network": "hcnn"},
    "bilstm": {"enc0_network": "bilstm"},
}


def both(rows=ROWS, seed=1, **given):
    """The engine's encodings of both sides, and the plain statement's."""
    chosen = hyperparameters(**given)
    tables, network = random_tables(chosen, seed), random_network(chosen, seed + 1)
    plain = ReferenceNetwork.of(chosen, [table.weights for table in tables], network.values())
    made = np.stack([encode(network, tables, side, rows) for side in (0, 1)])
    expected = np.array([[plain.encode(side, ids) for ids in rows] for side in (0, 1)])
    return made, expected


@pytest.mark.parametrize("padding_id", ["0", "5", "none"])
@pytest.mark.parametrize("tied", ["true", "false"])
@pytest.mark.parametrize("network", NETWORKS)
def test_encoder_is_its_mathematics(network, tied, padding_id):
    made, expected = both(
        **NETWORKS[network], tied_token_embedding_weight=tied, padding_id=padding_id
    )
    np.testing.assert_allclose(made, expected, atol=1e-5)
    # Two sides that share a table share no other weight; pooled_embedding has none.
    is_same = network == "pooled_embedding" and tied == "true"
    assert np.allclose(made[0], made[1]) == is_same


@pytest.mark.parametrize("width", range(1, 10))
@pytest.mark.parametrize("layers", range(1, 5))
def test_hcnn_of_every_width_and_depth(layers, width):
    made, expected = both(
        enc0_network="hcnn", enc0_layers=layers, enc0_cnn_filter_width=width, enc_dim=8
    )
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("enc_dim", [5, 6, 7, 9, 11])
def test_hcnn_whose_layers_do_not_divide_the_encoding(enc_dim):
    made, expected = both(enc0_network="hcnn", enc0_layers=4, enc_dim=enc_dim)
    assert made.shape == (2, len(ROWS), enc_dim)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("enc_dim", range(4, 30))
@pytest.mark.parametrize("layers", range(1, 5))
def test_first_layers_take_the_filters_that_do_not_divide(layers, enc_dim):
    filters = filters_per_layer(enc_dim, layers)
    assert sum(filters) == enc_dim
    assert len(filters) == layers
    assert list(filters) == sorted(filters, reverse=True)
    assert max(filters) - min(filters) <= 1


@pytest.mark.parametrize("layers", range(1, 5))
def test_bilstm_of_every_depth(layers):
    made, expected = both(enc0_network="bilstm", enc0_layers=layers)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_but_padding_encodes_to_zero(network):
    chosen = hyperparameters(**NETWORKS[network])
    tables, engine_network = random_tables(chosen), random_network(chosen)
    for rows in ([[], [0], [0, 0, 0]], [[]], [[], [1, 2, 3, 4, 5, 6]]):
        encodings = encode(engine_network, tables, 0, rows)
        empty = [not any(ids) for ids in rows]
        assert not encodings[empty].any()
        assert np.isfinite(encodings).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_order_of_tokens_counts_but_in_a_mean(network):
    made, _ = both(rows=[[1, 2, 3, 4], [4, 3, 2, 1]], **NETWORKS[network])
    assert np.allclose(made[0, 0], made[0, 1], atol=1e-6) == (network == "pooled_embedding")


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_new_weights_count_at_once(network):
    chosen = hyperparameters(**NETWORKS[network])
    tables, engine_network = random_tables(chosen), random_network(chosen, seed=3)
    for seed in (4, 5):
        engine_network.load(random_network(chosen, seed).values())
        plain = ReferenceNetwork.of(
            chosen, [table.weights for table in tables], engine_network.values()
        )
        made = encode(engine_network, tables, 0, ROWS)
        np.testing.assert_allclose(made, [plain.encode(0, ids) for ids in ROWS], atol=1e-5)


@pytest.mark.parametrize("network", NETWORKS)
def test_lengths_may_change_from_call_to_call(network):
    chosen = hyperparameters(enc0_max_seq_len=60, **NETWORKS[network])
    tables, engine_network = random_tables(chosen), random_network(chosen)
    plain = ReferenceNetwork.of(
        chosen, [table.weights for table in tables], engine_network.values()
    )
    generator = np.random.default_rng(0)
    for count, longest in ((3, 5), (1, 60), (4, 2), (3, 5), (2, 33)):
        rows = [generator.integers(0, 9, longest - number % 2).tolist() for number in range(count)]
        made = encode(engine_network, tables, 1, rows)
        np.testing.assert_allclose(made, [plain.encode(1, ids) for ids in rows], atol=1e-5)


def trained_encodings(rows, **given):
    """Encodings as training sees them, dropout and all, and as scoring sees them."""
    chosen = hyperparameters(**given)
    tables, network = random_tables(chosen), random_network(chosen)
    with autograd.record():
        trained = encode(network, tables, 0, rows)
    return trained, encode(network, tables, 0, rows)


def test_dropout_drops_whole_values_of_a_mean_and_scales_the_rest():
    trained, scored = trained_encodings(
        [[1, 2]] * 500, enc0_network="pooled_embedding", dropout=0.25
    )
    dropped = trained == 0
    assert 0.2 < dropped.mean() < 0.3
    np.testing.assert_allclose(trained[~dropped], (scored / 0.75)[~dropped], rtol=1e-5)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_dropout_stands_between_layers_only(network):
    trained, scored = trained_encodings(ROWS, enc0_network=network, enc0_layers=1, dropout=0.5)
    np.testing.assert_array_equal(trained, scored)
    trained, scored = trained_encodings(ROWS, enc0_network=network, enc0_layers=2, dropout=0.5)
    filled = [row for row, ids in enumerate(ROWS) if any(ids)]
    assert not np.allclose(trained[filled], scored[filled])
    assert np.isfinite(trained).all()
    if network == "hcnn":
        np.testing.assert_allclose(trained[:, :3], scored[:, :3], atol=1e-6)
