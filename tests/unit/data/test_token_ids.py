"""Parsed rows to ids at once: what fits is converted, everything else is left to a closer look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.data.ragged import RaggedArray
from object2vec.data.record_check import SideRules
from object2vec.data.token_ids import DoubtfulError, to_token_ids
from object2vec.data.vocabulary import Vocabulary

NUMBERS = SideRules("in0", 9, None, "", "")
WORDS = SideRules("in0", 9, Vocabulary({"cat": 3, "dog": 8, "": 5}), "", "")


@given(st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=12))
def test_ids_in_range_are_laid_end_to_end_and_none_is_left_out(rows: list[list[int]]) -> None:
    assert to_token_ids(rows, NUMBERS) == (RaggedArray.from_rows(rows), 0)


def test_strings_become_ids_and_the_unknown_ones_are_counted() -> None:
    rows = [["cat", "zebra", "dog"], [], [7, "cat", "yak"], [""]]
    assert to_token_ids(rows, WORDS) == (RaggedArray.from_rows([[3, 8], [], [7, 3], [5]]), 2)


def test_long_rows_are_not_cut() -> None:
    ids, _ = to_token_ids([[1] * 7000, [2]], NUMBERS)
    assert ids.lengths.tolist() == [7000, 1]


@pytest.mark.parametrize("token_id", [-1, 9, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("rules", [NUMBERS, WORDS], ids=["ids", "strings"])
def test_an_id_out_of_range_is_doubtful(rules: SideRules, token_id: int) -> None:
    with pytest.raises(DoubtfulError):
        to_token_ids([[1], [2, token_id]], rules)


@pytest.mark.parametrize("token_id", [2**31, -(2**31) - 1, 10**30])
def test_an_id_past_32_bits_does_not_wrap_around(token_id: int) -> None:
    with pytest.raises(OverflowError):
        to_token_ids([[1], [token_id]], NUMBERS)


@pytest.mark.parametrize("row", [None, 3, "12", {"1": 2}, (1,)], ids=repr)
def test_a_row_that_is_no_list_is_refused(row: object) -> None:
    with pytest.raises(TypeError):
        to_token_ids([[1], row], NUMBERS)  # type: ignore[list-item]
    with pytest.raises(DoubtfulError):
        to_token_ids([["cat"], row], WORDS)  # type: ignore[list-item]


@pytest.mark.parametrize("element", [1.0, None, [1], {}, float("nan")], ids=repr)
@pytest.mark.parametrize("rules", [NUMBERS, WORDS], ids=["ids", "strings"])
def test_an_element_that_is_no_id_is_refused(rules: SideRules, element: object) -> None:
    with pytest.raises(TypeError):
        to_token_ids([[1], [2, element]], rules)  # type: ignore[list-item]


def test_a_string_where_there_is_no_vocabulary_is_refused() -> None:
    with pytest.raises(TypeError):
        to_token_ids([["1"]], NUMBERS)
