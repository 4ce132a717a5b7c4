"""The engine's gradients against finite differences of the plain statement, tables included.

One step of plain gradient descent at rate 1 moves every number by its gradient, so the whole way
of training is in the check: read, embed, loss, backward, row gradient, update.
"""

import numpy as np
import pytest
from tests.unit.network.reference import ReferenceNetwork
from tests.unit.network.small import hyperparameters, random_network, random_tables

from object2vec.data.batches import PairBatch
from object2vec.data.ragged import RaggedArray
from object2vec.training.learner import Learner

pytestmark = pytest.mark.usefixtures("each_layout")

IN0 = [[1, 2, 3, 6], [4], [5, 0, 6, 7], [], [7, 3, 5, 1, 2]]
IN1 = [[7, 6], [5, 4, 3, 2, 1], [1], [2, 3], [6, 0, 4, 7]]
CLASSES = [1, 0, 2, 1, 0]
SCORES = [0.5, -1.0, 3.0, 0.25, 1.0]

# Of every array; the plain statement is run twice for each.
PLACES = 3

SMALL = {
    "enc0_vocab_size": 8,
    "enc0_token_embedding_dim": 3,
    "enc_dim": 6,
    "mlp_dim": 3,
    "mlp_layers": 1,
    "mlp_activation": "tanh",
    "num_classes": 3,
    "optimizer": "sgd",
    "learning_rate": 1,
}


def check_gradients(in0, in1, silent=(), **given):
    """Check every parameter and table; those that start with one of `silent` must not move.

    Of every array the places of largest gradient are checked, and as many others.
    """
    chosen = hyperparameters(**{**SMALL, **given})
    labels = SCORES if chosen.is_regression else CLASSES
    labels = labels[: len(in0)]
    tables, network = random_tables(chosen, seed=11), random_network(chosen, seed=20)
    plain = ReferenceNetwork.of(chosen, [table.weights for table in tables], network.values())
    before = network.values() | {table.name: table.weights.copy() for table in tables}
    after = one_step(chosen, network, tables, in0, in1, labels)

    names = [table.name for table in tables]
    arrays = plain.parameters | dict(zip(names, plain.tables, strict=True))
    assert arrays.keys() == before.keys()
    generator = np.random.default_rng(13)
    for name, array in arrays.items():
        made = before[name].astype(np.float64) - after[name]
        sizes = np.abs(made).ravel()
        others = generator.permutation(sizes.size)[:PLACES]
        chosen_places = np.unique(np.concatenate([np.argsort(-sizes)[:PLACES], others]))
        places = list(zip(*np.unravel_index(chosen_places, array.shape), strict=True))
        expected = [plain.slope(in0, in1, labels, array, place) for place in places]
        np.testing.assert_allclose(
            [made[place] for place in places], expected, atol=3e-6, rtol=1e-4, err_msg=name
        )
        assert sizes.any() != name.startswith(silent), f"{name} moves by {sizes.max()}"


def one_step(chosen, network, tables, in0, in1, labels):
    """The parameters and tables after one step of training."""
    sides = [RaggedArray.from_rows(rows) for rows in (in0, in1)]
    if chosen.padding_id is not None:
        sides = [rows.drop_outer_padding(chosen.padding_id) for rows in sides]
    learner = Learner(network, tables, chosen)
    learner.learn(PairBatch(*sides, np.array(labels, dtype=np.float32)))
    return network.values() | {table.name: table.weights for table in tables}


@pytest.mark.parametrize(("tied", "padding_id"), [("false", "0"), ("true", "none")])
@pytest.mark.parametrize(
    "given",
    [
        {"enc0_network": "pooled_embedding"},
        {"enc0_network": "hcnn", "enc0_layers": 3},
        {"enc0_network": "hcnn", "enc0_layers": 2, "enc0_cnn_filter_width": 2},
        {"enc0_network": "bilstm", "enc0_layers": 1},
        {"enc0_network": "bilstm", "enc0_layers": 2},
    ],
    ids=lambda given: "-".join(str(value) for value in given.values()),
)
def test_gradient_of_every_encoder_and_its_table(given, tied, padding_id):
    check_gradients(IN0, IN1, tied_token_embedding_weight=tied, padding_id=padding_id, **given)


@pytest.mark.parametrize("output_layer", ["softmax", "mean_squared_error"])
@pytest.mark.parametrize("comparator_list", ["hadamard", "concat", "abs_diff", "abs_diff,hadamard"])
def test_gradient_of_every_comparator_and_output(comparator_list, output_layer):
    check_gradients(
        IN0,
        IN1,
        enc0_network="pooled_embedding",
        comparator_list=comparator_list,
        output_layer=output_layer,
    )


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear"])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_gradient_of_every_mlp(layers, activation):
    check_gradients(
        IN0,
        IN1,
        enc0_network="pooled_embedding",
        mlp_layers=layers,
        mlp_activation=activation,
        mlp_dim=8,
    )


@pytest.mark.parametrize(
    ("first", "second"), [("hcnn", "bilstm"), ("pooled_embedding", "hcnn"), ("bilstm", "hcnn")]
)
@pytest.mark.parametrize("tied", ["true", "false"])
def test_gradient_of_different_sides(first, second, tied):
    given = {"enc0_network": first, "enc1_network": second, "tied_token_embedding_weight": tied}
    given |= {"enc1_max_seq_len": 9, "enc1_vocab_size": 8}
    given |= {"enc0_token_embedding_dim": 6, "enc1_token_embedding_dim": 6}
    check_gradients(IN0, IN1, enc0_layers=1, enc1_layers=1, **given)


def test_gradient_of_a_repeated_token_in_a_mean_counts_every_time():
    in0, in1 = [[1, 1, 2, 1], [3, 3]], [[2, 2], [1, 4, 4]]
    check_gradients(in0, in1, enc0_network="pooled_embedding")


@pytest.mark.parametrize("network", ["pooled_embedding", "hcnn", "bilstm"])
def test_a_batch_of_nothing_but_padding_moves_no_table_and_no_encoder(network):
    # Both encodings are zero, and so is what comes of them without a bias before it.
    silent = ("embed", "source", "target", "mlp_fc0_weight")
    check_gradients([[], [0]], [[0, 0], []], silent, enc0_network=network)


@pytest.mark.parametrize("width", [1, 3])
def test_equal_positions_of_hcnn_count_once(width):
    in0, in1 = [[1, 1, 1, 1, 1], [4, 2]], [[2, 3, 2, 2, 2, 2], [3, 1, 3]]
    given = {"enc0_layers": 2, "enc0_cnn_filter_width": width}
    check_gradients(in0, in1, enc0_network="hcnn", **given)
