"""A record's encoding is its own: no batch, order, neighbour or outer padding changes it."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.network.small import encode, hyperparameters, random_network, random_tables

from object2vec.data.ragged import RaggedArray

pytestmark = pytest.mark.usefixtures("each_layout")

VOCAB = 9
RECORD = st.lists(st.integers(0, VOCAB - 1), max_size=14)
RECORDS = st.lists(RECORD, min_size=1, max_size=6)
PADS = st.tuples(st.integers(0, 6), st.integers(0, 6))
NETWORKS = ["pooled_embedding", "hcnn", "bilstm"]
DEEP = {"hcnn": 3, "bilstm": 2, "pooled_embedding": 1}

every_network = pytest.mark.parametrize("network", NETWORKS)
few = settings(deadline=None, max_examples=40)


@cache
def built(network, padding_id="0"):
    chosen = hyperparameters(
        enc0_network=network,
        enc0_layers=DEEP[network],
        enc0_max_seq_len=200,
        enc0_vocab_size=VOCAB,
        padding_id=padding_id,
    )
    return random_network(chosen), random_tables(chosen)


def encodings(network, rows, padding_id="0"):
    return encode(*built(network, padding_id), 0, rows)


@every_network
@few
@given(rows=RECORDS)
def test_encoding_alone_is_the_encoding_in_a_batch(network, rows):
    alone = [encodings(network, [ids])[0] for ids in rows]
    np.testing.assert_allclose(encodings(network, rows), alone, atol=1e-5)


@every_network
@few
@given(rows=RECORDS, data=st.data())
def test_order_of_a_batch_changes_nothing(network, rows, data):
    order = data.draw(st.permutations(range(len(rows))))
    turned = encodings(network, [rows[place] for place in order])
    np.testing.assert_allclose(turned, encodings(network, rows)[list(order)], atol=1e-5)


@every_network
@few
@given(rows=RECORDS, data=st.data())
def test_padding_at_either_end_changes_nothing(network, rows, data):
    pads = data.draw(st.lists(PADS, min_size=len(rows), max_size=len(rows)))
    padded = [[0] * front + ids + [0] * back for ids, (front, back) in zip(rows, pads, strict=True)]
    np.testing.assert_allclose(encodings(network, padded), encodings(network, rows), atol=1e-5)


@every_network
@few
@given(record=RECORD, length=st.integers(0, 90))
def test_a_neighbour_of_any_length_changes_nothing(network, record, length):
    neighbour = [1 + place % (VOCAB - 1) for place in range(length)]
    pair = encodings(network, [neighbour, record])
    np.testing.assert_allclose(pair[1], encodings(network, [record])[0], atol=1e-5)


@every_network
@few
@given(rows=RECORDS, padding_id=st.sampled_from(["3", "none"]))
def test_the_same_holds_with_another_padding_id_and_with_none(network, rows, padding_id):
    alone = [encodings(network, [ids], padding_id)[0] for ids in rows]
    np.testing.assert_allclose(encodings(network, rows, padding_id), alone, atol=1e-5)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_without_a_padding_id_id_0_is_a_token(network):
    first, second = encodings(network, [[1, 0], [1]], "none")
    assert not np.allclose(first, second)


@pytest.mark.parametrize("network", ["hcnn", "bilstm"])
def test_padding_between_tokens_keeps_them_apart(network):
    first, second = encodings(network, [[1, 0, 0, 0, 2], [1, 2]])
    assert not np.allclose(first, second)


@every_network
def test_hundreds_of_records_of_every_length(network):
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, VOCAB, generator.integers(0, 60)).tolist() for _ in range(200)]
    whole = encodings(network, rows)
    for start in range(0, 200, 50):
        part = encodings(network, rows[start : start + 50])
        np.testing.assert_allclose(whole[start : start + 50], part, atol=1e-5)


def test_the_padding_that_is_dropped_is_the_outer_one():
    rows = RaggedArray.from_rows([[0, 0, 1, 0, 2, 0], [0], [], [3]])
    assert [list(ids) for ids in rows.drop_outer_padding(0)] == [[1, 0, 2], [], [], [3]]
