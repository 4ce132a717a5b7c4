"""The whole network: against the plain statement, its parameters, its initial values."""

import numpy as np
import pytest
from tests.unit.network.reference import ReferenceNetwork
from tests.unit.network.small import hyperparameters, pair_records, random_network, random_tables

from object2vec.data.ragged import RaggedArray
from object2vec.network.engine import mx
from object2vec.network.pair_network import PairNetwork
from object2vec.training.learner import evaluate

pytestmark = pytest.mark.usefixtures("each_layout")

IN0 = [[1, 2, 3], [4], [5, 0, 6, 7, 8], [], [2, 2, 1]]
IN1 = [[8, 7], [6, 5, 4, 3, 2, 1], [1], [2, 3], [0, 0]]
CLASSES = [1, 0, 1, 1, 0]
SCORES = [0.5, -1.0, 3.0, 0.0, 2.25]

SECOND_SIDES = {
    "the same as enc0": {},
    "pooled": {"enc1_network": "pooled_embedding"},
    "hcnn": {"enc1_network": "hcnn", "enc1_layers": 2, "enc1_cnn_filter_width": 2},
    "bilstm": {"enc1_network": "bilstm", "enc1_layers": 2},
}


def second_side(name, token_dim):
    given = SECOND_SIDES[name]
    if given:
        given = given | {"enc1_max_seq_len": 8, "enc1_vocab_size": 9}
        given |= {"enc1_token_embedding_dim": token_dim}
    return given


@pytest.mark.parametrize("padding_id", ["0", "none"])
@pytest.mark.parametrize("output_layer", ["softmax", "mean_squared_error"])
@pytest.mark.parametrize("tied", ["true", "false"])
@pytest.mark.parametrize("second", SECOND_SIDES)
@pytest.mark.parametrize("first", ["pooled_embedding", "hcnn", "bilstm"])
def test_loss_and_scores_are_their_mathematics(first, second, tied, output_layer, padding_id):
    # A tied table has one width, and a pooled side's is enc_dim; untied sides may differ.
    chosen = hyperparameters(
        enc0_network=first,
        enc0_token_embedding_dim=6 if tied == "true" else 3,
        tied_token_embedding_weight=tied,
        output_layer=output_layer,
        padding_id=padding_id,
        mlp_layers=2,
        mlp_activation="tanh",
        **second_side(second, 6 if tied == "true" else 4),
    )
    tables, network = random_tables(chosen), random_network(chosen)
    plain = ReferenceNetwork.of(chosen, [table.weights for table in tables], network.values())
    rows0, rows1 = ([row or [1] for row in rows] for rows in (IN0, IN1))
    if padding_id == "0":
        rows0, rows1 = IN0, IN1
    labels = SCORES if chosen.is_regression else CLASSES
    in0, in1 = (RaggedArray.from_rows(rows) for rows in (rows0, rows1))
    if padding_id == "0":
        in0, in1 = in0.drop_outer_padding(0), in1.drop_outer_padding(0)

    sides = network.sides_of(tables, in0, in1)
    assert len({id(array) for _, array in sides}) == 2
    assert len({part.side for part, _ in sides}) == 2
    loss, sums = network.loss(sides, np.array(labels, dtype=np.float32))

    losses = [plain.record_loss(*record) for record in zip(rows0, rows1, labels, strict=True)]
    expected = [plain.scores(*pair) for pair in zip(rows0, rows1, strict=True)]
    assert float(loss.asscalar()) == pytest.approx(np.mean(losses), abs=1e-5)
    sums = sums.asnumpy()
    if chosen.is_regression:
        errors = np.array(expected)[:, 0] - labels
        np.testing.assert_allclose(sums, [(errors**2).sum(), np.abs(errors).sum()], rtol=1e-5)
    else:
        correct = sum(np.argmax(row) == label for row, label in zip(expected, labels, strict=True))
        np.testing.assert_allclose(sums, [np.sum(losses), correct], rtol=1e-5)

    left, right = (network.encode(*side) for side in sorted(sides, key=lambda side: side[0].side))
    np.testing.assert_allclose(network.scores(left, right).asnumpy(), expected, atol=1e-5)


@pytest.mark.parametrize("tied", ["true", "false"])
def test_one_side_can_be_read_alone(tied):
    chosen = hyperparameters(enc0_network="hcnn", tied_token_embedding_weight=tied)
    tables, network = random_tables(chosen), random_network(chosen)
    plain = ReferenceNetwork.of(chosen, [table.weights for table in tables], network.values())
    for side, rows in enumerate((IN0, IN1)):
        ragged = RaggedArray.from_rows(rows).drop_outer_padding(0)
        given = (ragged, None) if side == 0 else (None, ragged)
        ((part, embeddings),) = network.sides_of(tables, *given)
        assert part.side == side
        made = network.encode(part, embeddings).asnumpy()
        np.testing.assert_allclose(made, [plain.encode(side, ids) for ids in rows], atol=1e-5)


def test_evaluation_scores_every_record_once_whatever_the_batch_size(monkeypatch):
    chosen = hyperparameters(enc0_network="pooled_embedding", mlp_layers=1)
    tables, network = random_tables(chosen), random_network(chosen)
    plain = ReferenceNetwork.of(chosen, [table.weights for table in tables], network.values())
    records = pair_records(IN0, IN1, CLASSES)
    for size in (1, 2, 5, 100):
        monkeypatch.setattr(PairNetwork, "scoring_batch_size", lambda self, size=size: size)
        metrics = evaluate(network, tables, records)
        assert metrics.records == 5
        assert metrics.values()["cross_entropy"] == pytest.approx(
            plain.loss(IN0, IN1, CLASSES), abs=1e-5
        )


PUBLISHED = {
    # Configurations whose layer tables the original printed, with the totals it printed.
    "sentences": (
        304_995,
        {
            "enc0_network": "hcnn",
            "enc0_vocab_size": 43_540,
            "enc0_max_seq_len": 82,
            "enc0_token_embedding_dim": 300,
            "enc0_cnn_filter_width": 3,
            "enc_dim": 16,
            "mlp_dim": 512,
            "mlp_layers": 2,
            "num_classes": 3,
        },
    ),
    "documents": (
        417_794,
        {
            "enc0_network": "pooled_embedding",
            "enc0_vocab_size": 267_522,
            "enc0_max_seq_len": 50,
            "enc0_token_embedding_dim": 300,
            "enc_dim": 300,
            "mlp_dim": 512,
            "mlp_layers": 2,
            "mlp_activation": "relu",
            "num_classes": 2,
            "comparator_list": "hadamard",
            "tied_token_embedding_weight": "true",
        },
    ),
    "ratings": (
        1_049_089,
        {
            "enc0_network": "pooled_embedding",
            "enc0_vocab_size": 944,
            "enc0_max_seq_len": 1,
            "enc1_network": "pooled_embedding",
            "enc1_vocab_size": 1684,
            "enc1_max_seq_len": 1,
            "enc_dim": 1024,
            "mlp_dim": 256,
            "mlp_layers": 1,
            "mlp_activation": "tanh",
            "output_layer": "mean_squared_error",
        },
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts_are_the_published_ones(name):
    total, given = PUBLISHED[name]
    parameters = PairNetwork(hyperparameters(**given), mx.cpu()).parameters
    assert sum(np.prod(parameter.shape) for parameter in parameters.values()) == total


def test_parameters_have_the_published_names_and_shapes():
    _, given = PUBLISHED["sentences"]
    parameters = PairNetwork(hyperparameters(**given), mx.cpu()).parameters
    sizes = {name: int(np.prod(parameter.shape)) for name, parameter in parameters.items()}
    for side in ("source_", "target_"):
        layers = [
            sum(size for name, size in sizes.items() if name.startswith(f"{side}conv{layer}_"))
            for layer in range(4)
        ]
        assert layers == [3604, 52, 52, 52]
    assert parameters["mlp_fc0_weight"].shape == (512, 64)
    assert parameters["mlp_fc1_weight"].shape == (512, 512)
    assert parameters["output_layer_weight"].shape == (3, 512)
    assert len(sizes) == 2 * 8 + 6


def test_two_networks_in_one_process_have_the_same_names():
    chosen = hyperparameters(enc0_network="bilstm")
    first, second = (PairNetwork(chosen, mx.cpu()).parameters for _ in range(2))
    assert list(first) == list(second)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_values_return_what_was_loaded(network):
    chosen = hyperparameters(enc0_network=network, enc1_network="enc0")
    first = random_network(chosen, seed=3)
    second = PairNetwork(chosen, mx.cpu())
    second.load(first.values())
    for name, value in first.values().items():
        np.testing.assert_array_equal(second.values()[name], value)


def test_scoring_batches_shrink_as_sequences_grow():
    sizes = [
        PairNetwork(
            hyperparameters(enc0_max_seq_len=length, enc_dim=4096, mlp_dim=2), mx.cpu()
        ).scoring_batch_size()
        for length in (1, 50, 5000)
    ]
    assert sizes == [1024, 81, 1]


def test_a_wide_hcnn_is_loaded_again_after_it_has_scored():
    """Only wide convolutions get the layout of the engine's own that cannot be written."""
    chosen = hyperparameters(
        enc0_network="hcnn", enc_dim=256, enc0_token_embedding_dim=50, enc0_vocab_size=60
    )
    network, tables = random_network(chosen, scale=0.05), random_tables(chosen)
    rows = RaggedArray.from_rows([[1, 2, 3, 4, 5, 6]] * 64)
    values = network.values()
    scores = []
    for _ in range(3):
        network.load(values)
        sides = network.sides_of(tables, rows, rows)
        left, right = (network.encode(*side) for side in sides)
        scores.append(network.scores(left, right).asnumpy())
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
