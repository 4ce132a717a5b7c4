"""Requests as clients of the original are known to send them, answered by trained models."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.contract.conftest import MLFolderBuilder
from tests.contract.serving.server import Answer, Server, json_lines

from object2vec.data.ragged import RaggedArray
from object2vec.inference.predictor import Predictor

USERS, MOVIES = 943, 1682
TOLERANCE = 1e-5

# The published rating configuration, but for the number of epochs.
RATING = {
    "enc0_max_seq_len": "1",
    "enc0_network": "pooled_embedding",
    "enc0_token_embedding_dim": "300",
    "enc0_vocab_size": "944",
    "enc1_max_seq_len": "1",
    "enc1_network": "pooled_embedding",
    "enc1_token_embedding_dim": "300",
    "enc1_vocab_size": "1684",
    "enc_dim": "1024",
    "epochs": "1",
    "mini_batch_size": "64",
    "mlp_activation": "tanh",
    "mlp_dim": "256",
    "mlp_layers": "1",
    "output_layer": "mean_squared_error",
}
# The published document configuration, on a small vocabulary.
DOCUMENT = {
    "enc0_max_seq_len": "50",
    "enc0_network": "pooled_embedding",
    "enc0_vocab_size": "5000",
    "enc1_network": "enc0",
    "enc_dim": "300",
    "enc0_token_embedding_dim": "300",
    "mlp_dim": "64",
    "mlp_layers": "2",
    "tied_token_embedding_weight": "true",
    "token_embedding_storage_type": "row_sparse",
    "comparator_list": "hadamard",
    "negative_sampling_rate": "3",
    "epochs": "1",
}
# A user's configuration that was served by a batch transform without a content type.
SENTENCE = {
    "enc0_max_seq_len": "10",
    "enc0_network": "bilstm",
    "enc0_vocab_size": "2097152",
    "enc0_token_embedding_dim": "10",
    "enc1_network": "enc0",
    "enc_dim": "10",
    "mlp_dim": "8",
    "tied_token_embedding_weight": "true",
    "token_embedding_storage_type": "row_sparse",
    "optimizer": "adam",
    "output_layer": "mean_squared_error",
    "epochs": "1",
}


class Trained:
    """A served model, and the network in this process to compare it with."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.predictor = Predictor.load(folder)

    def scores(self, pairs: list[dict[str, Any]]) -> np.ndarray:
        sides = [RaggedArray.from_rows([pair[side] for pair in pairs]) for side in ("in0", "in1")]
        return self.predictor.score(*sides)

    def embeddings(self, side: int, rows: list[list[int]]) -> np.ndarray:
        return self.predictor.embed(side, RaggedArray.from_rows(rows))


def train(
    make_ml_folder: Callable[[], MLFolderBuilder],
    hyperparameters: dict[str, str],
    records: list[dict[str, Any]],
) -> Path:
    builder = make_ml_folder()
    builder.config("hyperparameters", {**hyperparameters, "seed": "5"})
    builder.channel("train", records)
    run = builder.train()
    assert run.exit_code == 0, run.log
    return builder.root


def serving(root: Path, log: Path) -> Iterator[Trained]:
    with Server(root, log, SAGEMAKER_MODEL_SERVER_WORKERS="1") as server:
        yield Trained(server, root / "model")


@pytest.fixture(scope="module")
def rating(
    make_ml_folder: Callable[[], MLFolderBuilder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    chance = np.random.default_rng(1)
    records = [
        {"in0": [int(user)], "in1": [int(movie)], "label": int(label)}
        for user, movie, label in zip(
            chance.integers(1, USERS + 1, 3000),
            chance.integers(1, MOVIES + 1, 3000),
            chance.integers(1, 6, 3000),
            strict=True,
        )
    ]
    root = train(make_ml_folder, RATING, records)
    yield from serving(root, tmp_path_factory.mktemp("serve") / "log")


@pytest.fixture(scope="module")
def document(
    make_ml_folder: Callable[[], MLFolderBuilder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    chance = np.random.default_rng(2)
    records = [
        {
            "in0": chance.integers(1, 5000, 12).tolist(),
            "in1": chance.integers(1, 5000, 30).tolist(),
            "label": 1,
        }
        for _ in range(600)
    ]
    root = train(make_ml_folder, DOCUMENT, records)
    yield from serving(root, tmp_path_factory.mktemp("serve") / "log")


@pytest.fixture(scope="module")
def sentence(
    make_ml_folder: Callable[[], MLFolderBuilder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Trained]:
    chance = np.random.default_rng(3)
    records = [
        {
            "in0": chance.integers(1, 2097152, 7).tolist(),
            "in1": chance.integers(1, 2097152, 4).tolist(),
            "label": float(chance.uniform()),
        }
        for _ in range(200)
    ]
    root = train(make_ml_folder, SENTENCE, records)
    yield from serving(root, tmp_path_factory.mktemp("serve") / "log")


def predictions(answer: Answer, key: str) -> np.ndarray:
    assert answer.status == 200, answer.body[:500]
    assert answer.headers["content-type"] == "application/json"
    return np.array([line[key] for line in answer.json()["predictions"]], dtype=np.float32)


def test_all_9430_rating_pairs_in_one_request_without_accept(rating: Trained) -> None:
    chance = np.random.default_rng(4)
    pairs = [
        {"in0": [int(user)], "in1": [int(movie)]}
        for user, movie in zip(
            chance.integers(1, USERS + 1, 9430), chance.integers(1, MOVIES + 1, 9430), strict=True
        )
    ]
    answer = rating.server.invoke({"instances": pairs})
    scores = predictions(answer, "scores")
    assert scores.shape == (9430, 1)
    np.testing.assert_allclose(scores, rating.scores(pairs), atol=TOLERANCE)


def test_all_1682_movie_embeddings_in_one_request(rating: Trained) -> None:
    rows = [[movie] for movie in range(1, MOVIES + 1)]
    answer = rating.server.invoke({"instances": [{"in1": row} for row in rows]})
    embeddings = predictions(answer, "embeddings")
    assert embeddings.shape == (MOVIES, 1024)
    # Shortest exact decimals: what is read back is bit for bit what the network gave.
    np.testing.assert_allclose(embeddings, rating.embeddings(1, rows), atol=TOLERANCE)


def test_one_record_a_request_of_ids_from_zero(rating: Trained) -> None:
    for user, product in ((0, 0), (0, 7), (9, 19)):
        pair = {"in0": [user], "in1": [product]}
        scores = predictions(rating.server.invoke({"instances": [pair]}), "scores")
        np.testing.assert_allclose(scores, rating.scores([pair]), atol=TOLERANCE)


def test_a_json_serializer_and_a_json_deserializer(rating: Trained) -> None:
    body = json.dumps({"instances": [{"in0": [354, 623], "in1": [16]}]}).encode()
    answer = rating.server.invoke(body, "application/json", "application/json")
    cut = [{"in0": [354], "in1": [16]}]  # max_seq_len is 1
    np.testing.assert_allclose(predictions(answer, "scores"), rating.scores(cut), atol=TOLERANCE)


def test_batches_of_100_texts_longer_than_max_seq_len(document: Trained) -> None:
    chance = np.random.default_rng(6)
    rows = [
        chance.integers(1, 5000, int(length)).tolist() for length in chance.integers(1, 200, 300)
    ]
    assert max(map(len, rows)) > 150
    for start in range(0, 300, 100):
        part = rows[start : start + 100]
        answer = document.server.invoke({"instances": [{"in0": row} for row in part]})
        expected = document.embeddings(0, [row[:50] for row in part])
        np.testing.assert_allclose(predictions(answer, "embeddings"), expected, atol=TOLERANCE)


def test_infer_max_seqlens_cuts_and_extends_both_kinds_of_requests(document: Trained) -> None:
    long = list(range(1, 121))
    for lengths, kept0, kept1 in (("20,10", 20, 10), ("100, 1", 100, 1), ("5000,5000", 120, 120)):
        content_type = f"application/json; infer_max_seqlens={lengths}"
        pair = {"in0": long, "in1": long}
        answer = document.server.invoke({"instances": [pair, {"in0": long}]}, content_type)
        assert answer.status == 200
        scores, embedding = answer.json()["predictions"]
        rows = [RaggedArray.from_rows([long[:kept]]) for kept in (kept0, kept1)]
        prepared = [document.predictor.prepare(side, rows[side], 5000) for side in (0, 1)]
        expected = document.predictor.answer(None, *prepared)[0]
        np.testing.assert_allclose(scores["scores"], expected, atol=TOLERANCE)
        expected = document.predictor.answer(0, prepared[0])[0]
        np.testing.assert_allclose(embedding["embeddings"], expected, atol=TOLERANCE)


def test_lines_without_a_content_type_are_answered_in_lines(sentence: Trained) -> None:
    rows = [[5, 6, 7], [2097151], list(range(100, 130))]
    answer = sentence.server.invoke(json_lines([{"in0": row} for row in rows]), None)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jsonlines"
    found = [line["embeddings"] for line in answer.lines()]
    expected = sentence.embeddings(0, [row[:10] for row in rows])
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_a_document_without_a_content_type_is_answered_as_a_document(sentence: Trained) -> None:
    answer = sentence.server.invoke({"instances": [{"in1": [9]}]}, None)
    found = predictions(answer, "embeddings")
    np.testing.assert_allclose(found, sentence.embeddings(1, [[9]]), atol=TOLERANCE)


def test_a_labelled_file_sent_line_by_line_and_whole_gives_a_line_a_record(
    sentence: Trained,
) -> None:
    chance = np.random.default_rng(8)
    records = [
        {
            "label": int(index % 2),
            "in0": chance.integers(1, 2097152, 5).tolist(),
            "in1": chance.integers(1, 2097152, 3).tolist(),
            "comment": "kept out",
        }
        for index in range(40)
    ]
    expected = sentence.scores(records)
    whole = sentence.server.invoke(json_lines(records), "application/jsonlines")
    found = [line["scores"] for line in whole.lines()]
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)
    for record, scores in zip(records, expected, strict=True):
        alone = sentence.server.invoke(
            json.dumps(record).encode(), "application/jsonlines", "application/jsonlines"
        )
        (line,) = alone.lines()
        np.testing.assert_allclose(line["scores"], scores, atol=TOLERANCE)


def test_a_list_without_instances_is_told_what_is_missing(sentence: Trained) -> None:
    answer = sentence.server.invoke([{"in0": [1]}], "application/json")
    assert answer.status == 400
    assert '{"instances": [{"in0": [10, 7], "in1": [4]}]}' in answer.error["message"]


def test_an_unknown_id_is_refused_by_record_side_and_size(rating: Trained) -> None:
    body = {"instances": [{"in0": [1], "in1": [1]}, {"in0": [944], "in1": [1]}]}
    answer = rating.server.invoke(body)
    assert answer.status == 400
    assert (answer.error["record"], answer.error["field"]) == (1, "in0")
    assert 'Vocab id "944" is not less than vocab_size=944' in answer.error["message"]
