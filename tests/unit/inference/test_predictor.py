"""The predictor: answers of a saved model equal those of the network that was saved."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.network.small import random_network, random_tables

from object2vec.data.ragged import RaggedArray
from object2vec.errors import ClientError
from object2vec.hyperparameters import Hyperparameters
from object2vec.inference.predictor import Predictor
from object2vec.network.pair_network import PairNetwork
from object2vec.network.tables import TokenTable
from object2vec.saved_model import ModelWriter, SavedModel

ROWS0 = RaggedArray.from_rows([[1, 2, 3], [], [4], [0, 0], [5, 0, 6, 0]])
ROWS1 = RaggedArray.from_rows([[7], [8, 9], [], [1, 1], [2, 3, 4, 5, 6, 7, 8, 9]])


def hyperparameters_of(network: str, output: str) -> Hyperparameters:
    return Hyperparameters.from_strings(
        {
            "enc0_max_seq_len": "5",
            "enc0_vocab_size": "12",
            "enc0_network": network,
            "enc0_token_embedding_dim": "6",
            "enc_dim": "8",
            "mlp_dim": "7",
            "num_classes": "3",
            "output_layer": output,
            "mlp_activation": "tanh",
        }
    )


@pytest.fixture(params=["pooled_embedding", "hcnn", "bilstm"])
def network_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def saved(
    folder: Path, hyperparameters: Hyperparameters
) -> tuple[PairNetwork, tuple[TokenTable, ...]]:
    network, tables = random_network(hyperparameters), random_tables(hyperparameters)
    arrays = {table.name: table.weights for table in tables}
    ModelWriter(folder, hyperparameters, (None, None)).save(
        {**arrays, **network.values()}, {"epochs": []}
    )
    return network, tables


@pytest.mark.parametrize("output", ["softmax", "mean_squared_error"])
def test_a_restored_model_answers_as_the_network_that_was_saved(
    tmp_path: Path, network_name: str, output: str
) -> None:
    hyperparameters = hyperparameters_of(network_name, output)
    network, tables = saved(tmp_path, hyperparameters)
    in0, in1 = (rows.cut(5).drop_outer_padding(0) for rows in (ROWS0, ROWS1))
    left, right = (network.encode(*side) for side in network.sides_of(tables, in0, in1))
    predictor = Predictor.load(tmp_path)
    np.testing.assert_allclose(predictor.embed(0, ROWS0), left.asnumpy(), atol=1e-6)
    np.testing.assert_allclose(predictor.embed(1, ROWS1), right.asnumpy(), atol=1e-6)
    scores = predictor.score(ROWS0, ROWS1)
    np.testing.assert_allclose(scores, network.scores(left, right).asnumpy(), atol=1e-6)
    assert scores.shape == ((5, 3) if output == "softmax" else (5, 1))
    if output == "softmax":
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_a_record_is_answered_the_same_alone_and_in_a_batch(
    tmp_path: Path, network_name: str
) -> None:
    saved(tmp_path, hyperparameters_of(network_name, "softmax"))
    predictor = Predictor.load(tmp_path)
    together = predictor.embed(0, ROWS0)
    for index in range(len(ROWS0)):
        alone = predictor.embed(0, ROWS0.take([index]))
        np.testing.assert_allclose(alone[0], together[index], atol=1e-5)


def test_an_empty_or_all_padding_input_is_the_zero_vector(
    tmp_path: Path, network_name: str
) -> None:
    saved(tmp_path, hyperparameters_of(network_name, "softmax"))
    embeddings = Predictor.load(tmp_path).embed(0, ROWS0)
    assert not embeddings[[1, 3]].any()
    assert embeddings[[0, 4]].any(axis=1).all()


def test_longer_inputs_are_cut_to_max_seq_len(tmp_path: Path, network_name: str) -> None:
    saved(tmp_path, hyperparameters_of(network_name, "softmax"))
    predictor = Predictor.load(tmp_path)
    long = RaggedArray.from_rows([[2, 3, 4, 5, 6, 7, 8]])
    np.testing.assert_array_equal(predictor.embed(1, long), predictor.embed(1, long.cut(5)))


def test_no_records_give_no_rows(tmp_path: Path) -> None:
    saved(tmp_path, hyperparameters_of("hcnn", "softmax"))
    predictor = Predictor.load(tmp_path)
    nothing = RaggedArray.from_rows([])
    assert predictor.embed(0, nothing).shape == (0, 8)
    assert predictor.score(nothing, nothing).shape == (0, 3)


def test_arrays_of_another_network_are_refused(tmp_path: Path) -> None:
    hyperparameters = hyperparameters_of("hcnn", "softmax")
    saved(tmp_path, hyperparameters)
    arrays = {name: np.array(array) for name, array in SavedModel.open(tmp_path).arrays.items()}
    writer = ModelWriter(tmp_path, hyperparameters, (None, None))
    writer.save({**arrays, "mlp_fc0_weight": np.zeros((7, 31), np.float32)}, {})
    with pytest.raises(ClientError, match=r"mlp_fc0_weight is of shape \[7, 31\], .* needs"):
        Predictor.load(tmp_path)
    del arrays["embed_1_weight"]
    writer.save(arrays, {})
    with pytest.raises(ClientError, match="names no array embed_1_weight"):
        Predictor.load(tmp_path)
