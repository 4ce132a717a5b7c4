"""The predictor: answers of a saved model equal those of the network that was saved."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

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

FolderOf: TypeAlias = Callable[[str], Path]

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


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> FolderOf:
    """Folders of saved models, one for each kind of network and written once."""

    @cache
    def folder_of(network: str) -> Path:
        folder = tmp_path_factory.mktemp(network)
        saved(folder, hyperparameters_of(network, "softmax"))
        return folder

    return folder_of


def mixed_rows(lengths: list[int], seed: int = 3) -> RaggedArray:
    """Rows of these lengths in a shuffled order, ids of the whole vocabulary."""
    generator = np.random.default_rng(seed)
    rows = [generator.integers(0, 12, length).tolist() for length in lengths]
    return RaggedArray.from_rows([rows[index] for index in generator.permutation(len(rows))])


def alone(predictor: Predictor, side: int, rows: RaggedArray) -> np.ndarray:
    answers = [predictor.answer(side, rows.take([index])) for index in range(len(rows))]
    return np.concatenate(answers)


def watch_batches(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[int, list[int]]]:
    """The side and the rows' lengths of every batch that the network gets from now on."""
    batches: list[tuple[int, list[int]]] = []
    sides_of = predictor.network.sides_of

    def watched(tables: Any, *pair: RaggedArray | None) -> Any:
        for side, rows in enumerate(pair):
            if rows is not None:
                batches.append((side, rows.lengths.tolist()))
        return sides_of(tables, *pair)

    monkeypatch.setattr(predictor.network, "sides_of", watched)
    return batches


def test_many_records_of_mixed_lengths_are_answered_as_each_alone(
    folder_of: FolderOf, network_name: str
) -> None:
    predictor = Predictor.load(folder_of(network_name))
    lengths = [*range(30)] * 2 + [0] * 9 + [1] * 11 + [300]
    rows = predictor.prepare(0, mixed_rows(lengths), 5000)
    assert rows.lengths.max() > 280
    together = predictor.answer(0, rows)
    np.testing.assert_allclose(together, alone(predictor, 0, rows), atol=1e-5)
    others = predictor.prepare(1, mixed_rows(lengths, seed=4), 10)
    scores = predictor.answer(None, rows, others)
    chosen = [0, 7, 40, len(rows) - 1, int(rows.lengths.argmax())]
    for index in chosen:
        pair = (rows.take([index]), others.take([index]))
        np.testing.assert_allclose(predictor.answer(None, *pair)[0], scores[index], atol=1e-5)


def test_more_pairs_than_a_batch_holds_keep_their_order(folder_of: FolderOf) -> None:
    predictor = Predictor.load(folder_of("pooled_embedding"))
    few = mixed_rows([1, 2, 3, 0, 4])
    index = np.random.default_rng(5).integers(0, 5, (2, 2500))
    scores = predictor.score(few.take(index[0]), few.take(index[1]))
    left, right = (few.take(np.arange(25) // 5), few.take(np.arange(25) % 5))
    expected = predictor.score(left, right)[5 * index[0] + index[1]]
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_the_two_sides_are_answered_each_by_its_own_encoder(tmp_path: Path) -> None:
    chosen = Hyperparameters.from_strings(
        {
            "enc0_max_seq_len": "5",
            "enc0_vocab_size": "12",
            "enc0_network": "pooled_embedding",
            "enc0_token_embedding_dim": "6",
            "enc1_max_seq_len": "9",
            "enc1_vocab_size": "12",
            "enc1_network": "hcnn",
            "enc1_token_embedding_dim": "4",
            "enc_dim": "8",
            "mlp_dim": "7",
        }
    )
    saved(tmp_path, chosen)
    predictor = Predictor.load(tmp_path)
    rows = mixed_rows([*range(12)] * 2)
    for side in (0, 1):
        prepared = predictor.prepare(side, rows)
        assert prepared.lengths.max() <= (5, 9)[side]
        answers = predictor.embed(side, rows)
        np.testing.assert_allclose(answers, alone(predictor, side, prepared), atol=1e-5)
    backwards = RaggedArray.from_rows([row[::-1].tolist() for row in rows])
    short = np.flatnonzero(rows.lengths <= 5)
    unordered = predictor.embed(0, rows.take(short)) - predictor.embed(0, backwards.take(short))
    assert np.abs(unordered).max() < 1e-5
    assert np.abs(predictor.embed(1, rows) - predictor.embed(1, backwards)).max() > 1e-2


def test_every_batch_has_a_power_of_two_of_records_and_each_record_is_in_one(
    folder_of: FolderOf, network_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(folder_of(network_name))
    batches = watch_batches(predictor, monkeypatch)
    for count in (1, 2, 3, 5, 8, 9, 17, 33, 100):
        batches.clear()
        rows = predictor.prepare(0, mixed_rows([1 + index % 21 for index in range(count)]), 50)
        predictor.answer(0, rows)
        assert {len(lengths).bit_count() for _, lengths in batches} == {1}
        filled = sorted(length for _, lengths in batches for length in lengths if length)
        assert filled == sorted(rows.lengths[rows.lengths > 0].tolist())
        assert sum(len(lengths) for _, lengths in batches) <= 2 * max(count, 8) * len(batches)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_short_records_are_not_padded_to_long_ones_in_large_batches(
    folder_of: FolderOf, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(folder_of(network))
    batches = watch_batches(predictor, monkeypatch)
    rows = RaggedArray.from_rows([[1] * length for length in [40, *range(1, 21)] * 3])
    predictor.answer(0, rows)
    longest = [max(lengths) for _, lengths in batches]
    assert longest == sorted(longest, reverse=True)
    for _, lengths in batches:
        kept = [length for length in lengths if length]
        assert len(kept) <= 8 or min(kept) >= max(kept) // 2
    assert len(batches) <= 6


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_a_few_records_share_a_batch_whatever_their_lengths(
    folder_of: FolderOf, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(folder_of(network))
    batches = watch_batches(predictor, monkeypatch)
    predictor.answer(0, RaggedArray.from_rows([[1] * length for length in (2, 40, 0, 9, 1)]))
    assert batches == [(0, [40, 9, 2, 1, 0, 0, 0, 0])]


def test_a_batch_of_long_records_is_no_larger_than_the_network_s_bound(
    folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(folder_of("hcnn"))
    batches = watch_batches(predictor, monkeypatch)
    monkeypatch.setattr(predictor.network, "scoring_batch_size", lambda length: 64 // length)
    predictor.answer(0, RaggedArray.from_rows([[1] * 9] * 20 + [[1] * 64] * 3))
    assert [len(lengths) for _, lengths in batches] == [1, 1, 1, 4, 4, 4, 4, 4]


def test_pooled_records_share_batches_whatever_their_lengths(
    folder_of: FolderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = Predictor.load(folder_of("pooled_embedding"))
    batches = watch_batches(predictor, monkeypatch)
    predictor.answer(1, RaggedArray.from_rows([[1] * (1 + index % 500) for index in range(1030)]))
    assert [(side, len(lengths)) for side, lengths in batches] == [(1, 1024), (1, 8)]


def test_preparing_cuts_then_drops_outer_padding(folder_of: FolderOf) -> None:
    predictor = Predictor.load(folder_of("hcnn"))
    rows = RaggedArray.from_rows([[0, 1, 2, 0, 0, 3, 4, 0], [], [0, 0], [7]])

    def prepared(max_seq_len: int | None) -> list[list[int]]:
        return [row.tolist() for row in predictor.prepare(0, rows, max_seq_len)]

    assert prepared(None) == prepared(5) == [[1, 2], [], [], [7]]
    assert prepared(1) == [[], [], [], [7]]
    assert prepared(6) == [[1, 2, 0, 0, 3], [], [], [7]]
    assert prepared(5000) == [[1, 2, 0, 0, 3, 4], [], [], [7]]


def test_costs_follow_the_tokens_and_a_pair_costs_more_than_its_sides(
    folder_of: FolderOf, network_name: str
) -> None:
    predictor = Predictor.load(folder_of(network_name))
    rows = RaggedArray.from_rows([[1], [1] * 7, [], [1] * 100])
    costs = predictor.costs(0, rows)
    assert costs[0] >= 1
    np.testing.assert_allclose(costs / costs[0], [1, 7, 1, 100])
    other = RaggedArray.from_rows([[2, 3]] * 4)
    pairs = predictor.costs(None, rows, other)
    beyond = pairs - costs - predictor.costs(1, other)
    # The comparator's two layers at least: 8-wide encodings to 7 and to 3 numbers.
    assert (beyond >= 8 * 7 + 7 * 3).all()
    assert np.ptp(beyond) < 1e-6
    assert predictor.costs(None, rows.take([]), other.take([])).shape == (0,)


def test_warming_up_answers_in_every_way_and_changes_no_answer(
    folder_of: FolderOf, network_name: str
) -> None:
    predictor = Predictor.load(folder_of(network_name))
    before = predictor.score(ROWS0, ROWS1)
    predictor.warm_up()
    np.testing.assert_array_equal(predictor.score(ROWS0, ROWS1), before)


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
