"""Rows laid end to end: every operation against the same thing done with Python lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.data.ragged import RaggedArray, offsets_of

rows_of_ids = st.lists(st.lists(st.integers(0, 4), max_size=7), max_size=12)


def as_lists(ragged: RaggedArray) -> list[list[int]]:
    return [row.tolist() for row in ragged]


@given(rows_of_ids)
def test_rows_come_back_as_they_were_given(rows: list[list[int]]) -> None:
    ragged = RaggedArray.from_rows(rows)
    assert as_lists(ragged) == rows
    assert [ragged[i].tolist() for i in range(len(ragged))] == rows
    assert ragged.lengths.tolist() == [len(row) for row in rows]
    assert ragged.values.dtype == np.int32
    assert ragged.offsets.dtype == np.int64
    assert ragged.nbytes == 4 * sum(map(len, rows)) + 8 * (len(rows) + 1)


@given(rows_of_ids.filter(bool), st.data())
def test_take_returns_the_rows_asked_for_in_their_order(
    rows: list[list[int]], data: st.DataObject
) -> None:
    indices = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    taken = RaggedArray.from_rows(rows).take(np.array(indices, dtype=np.int64))
    assert taken == RaggedArray.from_rows([rows[i] for i in indices])
    assert taken.values.dtype == np.int32


@given(rows_of_ids, st.integers(0, 8))
def test_cut_keeps_the_first_ids_of_each_row(rows: list[list[int]], max_length: int) -> None:
    cut = RaggedArray.from_rows(rows).cut(max_length)
    assert as_lists(cut) == [row[:max_length] for row in rows]


@given(rows_of_ids, st.integers(0, 5))
def test_padding_leaves_both_ends_and_stays_inside(rows: list[list[int]], padding_id: int) -> None:
    def strip(row: list[int]) -> list[int]:
        tokens = [i for i, token_id in enumerate(row) if token_id != padding_id]
        return row[tokens[0] : tokens[-1] + 1] if tokens else []

    stripped = RaggedArray.from_rows(rows).drop_outer_padding(padding_id)
    assert as_lists(stripped) == [strip(row) for row in rows]


@given(st.lists(rows_of_ids, min_size=1, max_size=5))
def test_concatenated_parts_are_all_their_rows_in_order(parts: list[list[list[int]]]) -> None:
    together = RaggedArray.concatenate([RaggedArray.from_rows(rows) for rows in parts])
    assert together == RaggedArray.from_rows([row for rows in parts for row in rows])
    assert together.values.dtype == np.int32
    assert together.offsets.dtype == np.int64


def test_a_single_part_is_not_copied_and_no_part_is_refused() -> None:
    ragged = RaggedArray.from_rows([[1, 2], [], [3]])
    assert RaggedArray.concatenate([ragged]) is ragged
    with pytest.raises(ValueError, match="at least one array"):
        RaggedArray.concatenate([])


def test_nothing_is_copied_where_nothing_changes() -> None:
    ragged = RaggedArray.from_rows([[1, 2], [], [3]])
    assert ragged.cut(2) is ragged
    assert ragged.drop_outer_padding(0) is ragged


def test_a_row_is_a_view() -> None:
    ragged = RaggedArray.from_rows([[1, 2], [3]])
    assert np.shares_memory(ragged[1], ragged.values)
    assert ragged[-1].tolist() == [3]


@pytest.mark.parametrize("index", [2, -3])
def test_a_row_outside_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=f"row {index} of 2"):
        RaggedArray.from_rows([[1], [2]])[index]


@pytest.mark.parametrize("index", [-1, 2, 3])
def test_take_refuses_rows_outside(index: int) -> None:
    with pytest.raises(IndexError):
        RaggedArray.from_rows([[1], [2]]).take([0, index])


def test_equal_only_with_equal_rows() -> None:
    ragged = RaggedArray.from_rows([[1, 2], [3]])
    assert ragged == RaggedArray.from_rows([[1, 2], [3]])
    assert ragged != RaggedArray.from_rows([[1], [2, 3]])
    assert ragged != RaggedArray.from_rows([[1, 2], [4]])
    assert ragged != [[1, 2], [3]]


@pytest.mark.parametrize("token_id", [2**31, -(2**31) - 1])
def test_ids_past_32_bits_are_refused(token_id: int) -> None:
    with pytest.raises(OverflowError, match="ids must fit into 32 bits"):
        RaggedArray.from_rows([[1], [token_id]])


def test_arrays_of_another_layout_are_refused() -> None:
    ids = np.array([1, 2, 3], dtype=np.int32)
    with pytest.raises(TypeError, match="values must be flat int32, got int64"):
        RaggedArray(ids.astype(np.int64), offsets_of(np.array([3])))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="offsets must be flat int64"):
        RaggedArray(ids, np.array([0, 3], dtype=np.int32))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="offsets run from 0 to 2, must run from 0 to 3"):
        RaggedArray(ids, np.array([0, 2], dtype=np.int64))
