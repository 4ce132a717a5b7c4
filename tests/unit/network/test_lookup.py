"""What a batch reads of a table, against the dense matrices it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from object2vec.data.ragged import RaggedArray
from object2vec.network.engine import mx, nd
from object2vec.network.layouts import InLine, InSteps, Padded
from object2vec.network.lookup import SparseMatrix, TokenReader, _stable_order

VOCAB = 7
ROWS = st.lists(st.lists(st.integers(0, VOCAB - 1), max_size=9), min_size=1, max_size=6)
PADDING = st.sampled_from([None, 0, 3])


def dense(matrix: SparseMatrix) -> np.ndarray:
    """The matrix by its entries, equal places added up."""
    made = np.zeros(matrix.shape)
    for row in range(matrix.shape[0]):
        for entry in range(matrix.offsets[row], matrix.offsets[row + 1]):
            made[row, matrix.columns[entry]] += matrix.values[entry]
    return made


def averaging(rows, padding_id):
    """(N, V): what turns a table into the means of its rows' tokens."""
    made = np.zeros((len(rows), VOCAB))
    for row, ids in enumerate(rows):
        tokens = [token for token in ids if token != padding_id]
        for token in tokens:
            made[row, token] += 1 / len(tokens)
    return made


def selecting(rows, padding_id, token_of_row):
    """(R, V): what turns a table into embeddings, and the mask (R,)."""
    tokens = [token for ids in rows for token in ids]
    made = np.zeros((len(token_of_row), VOCAB))
    for row, place in enumerate(token_of_row):
        if place >= 0:
            made[row, tokens[place]] = tokens[place] != padding_id
    return made, made.sum(axis=1)


LAYOUTS = {
    "pooled": lambda lengths: None,
    "padded": Padded.of,
    "in a line": lambda lengths: InLine.of(lengths, 1),
    "in steps": InSteps.of,
}


@settings(deadline=None)
@given(
    sides=st.lists(st.tuples(ROWS, st.sampled_from(list(LAYOUTS))), min_size=1, max_size=2),
    padding_id=PADDING,
)
def test_reads_are_the_products_they_stand_for(sides, padding_id):
    reader = TokenReader(VOCAB, padding_id)
    parts = []
    for side, (rows, name) in enumerate(sides):
        ragged = RaggedArray.from_rows(rows)
        parts.append((side, ragged, LAYOUTS[name](ragged.lengths)))
    # Twice: the scratch array must not remember the first batch.
    reader.read([(0, RaggedArray.from_rows([[6, 5, 1, 2]]), Padded.of(np.array([4])))])
    read = reader.read(parts)

    assert len(set(read.token_ids.tolist())) == len(read.token_ids)
    over_vocabulary = np.zeros((read.matrix.shape[0], VOCAB))
    over_vocabulary[:, read.token_ids] = dense(read.matrix)
    assert [part.side for part in read.inputs] == list(range(len(sides)))
    first_row = 0
    for part, (rows, name) in zip(read.inputs, sides, strict=True):
        assert part.first_row == first_row
        mine = over_vocabulary[first_row : first_row + part.row_count]
        first_row += part.row_count
        assert part.lengths.tolist() == [len(ids) for ids in rows]
        counts = [sum(token != padding_id for token in ids) for ids in rows]
        assert part.kept_counts.tolist() == counts
        if name == "pooled":
            assert part.layout is None
            np.testing.assert_allclose(mine, averaging(rows, padding_id), atol=1e-7)
            continue
        expected, mask = selecting(rows, padding_id, part.layout.token_of_row)
        np.testing.assert_array_equal(mine, expected)
        np.testing.assert_array_equal(part.mask, mask)
        assert part.mask.dtype == np.float32
    assert first_row == read.matrix.shape[0]

    np.testing.assert_array_equal(dense(read.matrix.transposed()), dense(read.matrix).T)
    for matrix in (read.matrix, read.matrix.transposed()):
        # Equal places, from a token that a mean counts twice, add up in the engine's product.
        table = np.arange(2.0 * matrix.shape[1], dtype=np.float32).reshape(-1, 2)
        product = nd.sparse.dot(matrix.to_device(mx.cpu()), nd.array(table))
        np.testing.assert_allclose(product.asnumpy(), dense(matrix) @ table, rtol=1e-5, atol=1e-5)


@settings(deadline=None)
@given(rows=ROWS, padding_id=PADDING)
def test_only_tokens_that_count_are_read(rows, padding_id):
    ragged = RaggedArray.from_rows(rows)
    read = TokenReader(VOCAB, padding_id).read([(0, ragged, Padded.of(ragged.lengths))])
    tokens = {token for ids in rows for token in ids if token != padding_id}
    # The engine has no product with nothing: without a token one row is read and not used.
    assert set(read.token_ids.tolist()) == (tokens or {0})
    assert read.matrix.values.size == sum(token in tokens for ids in rows for token in ids)


@pytest.mark.parametrize("key_count", [1, 1 << 8, 1 << 16, (1 << 16) + 1, 1 << 20, 3_000_000])
def test_order_is_stable_for_every_number_of_keys(key_count):
    generator = np.random.default_rng(0)
    keys = generator.integers(0, key_count, 5000)
    keys[:1000] = generator.choice(keys[1000:1100], 1000)  # many that are equal
    keys[-1] = key_count - 1
    order = _stable_order(keys, key_count)
    np.testing.assert_array_equal(order, np.argsort(keys, kind="stable"))


def test_transposing_a_matrix_of_more_than_65536_columns():
    generator = np.random.default_rng(1)
    columns = generator.integers(0, 200_000, 900)
    offsets = np.sort(np.concatenate([[0, 900], generator.integers(0, 900, 19)]))
    matrix = SparseMatrix(np.arange(900, dtype=np.float32), columns, offsets, 200_000)
    turned = matrix.transposed()
    assert turned.shape == (200_000, 20)
    rows = np.repeat(np.arange(20), np.diff(offsets))
    entries = sorted(zip(columns, rows, matrix.values, strict=True))
    made = zip(
        np.repeat(np.arange(200_000), np.diff(turned.offsets)),
        turned.columns,
        turned.values,
        strict=True,
    )
    assert [tuple(map(float, entry)) for entry in made] == [
        tuple(map(float, entry)) for entry in entries
    ]


def test_large_vocabularies_are_read_by_their_few_tokens():
    reader = TokenReader(3_000_000, 0)
    rows = RaggedArray.from_rows([[2_999_999, 70_000, 1], [70_000, 0, 5]])
    read = reader.read([(0, rows, None)])
    assert sorted(read.token_ids.tolist()) == [1, 5, 70_000, 2_999_999]
    assert read.matrix.shape == (2, 4)
