"""A request's records to queries: what each asks for, and which record is at fault for what."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from object2vec.data.ragged import RaggedArray
from object2vec.data.vocabulary import Vocabulary
from object2vec.hyperparameters import Hyperparameters
from object2vec.inference.instances import InstanceError, InstanceRules, Query, merge

WORDS = Vocabulary({"cat": 3, "dog": 8})
CHOSEN = Hyperparameters.from_strings(
    {
        "enc0_vocab_size": "9",
        "enc0_max_seq_len": "12",
        "enc1_network": "hcnn",
        "enc1_vocab_size": "20",
        "enc1_max_seq_len": "12",
    }
)
RULES = InstanceRules.of_model(CHOSEN, (None, None))
WITH_WORDS = InstanceRules.of_model(CHOSEN, (WORDS, None))


def ignoring(padding_id: int | None, vocabulary: Vocabulary | None = None) -> InstanceRules:
    return InstanceRules(InstanceRules.of_model(CHOSEN, (vocabulary, None)).sides, padding_id, True)


def told(queries: list[Query]) -> dict[int | None, tuple[list[int], list[list[list[int]]]]]:
    """For each side asked for, the records' indices, and every side's rows."""
    assert len({query.side for query in queries}) == len(queries)
    return {
        query.side: (
            query.records.tolist(),
            [[row.tolist() for row in rows] for rows in query.rows],
        )
        for query in queries
    }


def fault_of(rules: InstanceRules, *records: object, first: int = 0) -> InstanceError:
    with pytest.raises(InstanceError) as caught:
        rules.read(records, first)
    return caught.value


def test_records_are_gathered_by_what_they_ask_for() -> None:
    queries = RULES.read(
        [
            {"in0": [1, 2], "in1": [3]},
            {"in1": [4]},
            {"in0": [5]},
            {"label": 1, "in1": [], "in0": [6]},
            {"in0": [7, 8], "other": None},
        ]
    )
    assert told(queries) == {
        None: ([0, 3], [[[1, 2], [6]], [[3], []]]),
        1: ([1], [[[4]]]),
        0: ([2, 4], [[[5], [7, 8]]]),
    }
    assert all(query.records.dtype == np.int64 for query in queries)


def test_the_order_of_fields_and_other_fields_mean_nothing() -> None:
    (query,) = RULES.read([{"in1": [1], "x": {"in0": 3}, "in0": [2]}])
    assert told([query]) == {None: ([0], [[[2]], [[1]]])}


def test_no_record_asks_for_nothing() -> None:
    assert RULES.read([]) == []


@pytest.mark.parametrize("rules", [RULES, WITH_WORDS], ids=["ids", "strings"])
def test_empty_sequences_are_rows(rules: InstanceRules) -> None:
    assert told(rules.read([{"in0": []}, {"in0": []}])) == {0: ([0, 1], [[[], []]])}


def test_a_piece_s_indices_are_those_of_the_whole_request() -> None:
    records = [{"in0": [1]}, {"in1": [2]}, {"in0": [3]}]
    assert told(RULES.read(records, 100)) == {0: ([100, 102], [[[1], [3]]]), 1: ([101], [[[2]]])}
    fault = fault_of(RULES, *records, {"in0": [4.5]}, first=100)
    assert fault.record == 103
    assert str(fault).startswith("record 103, field 'in0': ")


def test_each_side_has_its_own_vocab_size() -> None:
    assert told(RULES.read([{"in0": [8], "in1": [19]}])) == {None: ([0], [[[8]], [[19]]])}
    assert fault_of(RULES, {"in1": [19], "in0": [9]}).field == "in0"
    assert fault_of(RULES, {"in1": [20], "in0": [8]}).field == "in1"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([True], "in0[0]: true is a boolean; ids are integers 0..8."),
        ([1, False], "in0[1]: false is a boolean"),
        ([2.0], "in0[0]: 2.0 is a float; ids are integers: write 2."),
        ([1, 2.5], "in0[1]: 2.5 is a float; ids are integers 0..8."),
        ([None], "in0[0]: is null; ids are integers"),
        ([1, [2]], "in0[1]: [2] is a list; ids are integers"),
        ([{}], "in0[0]: {} is an object; ids are integers"),
        (
            ["cat"],
            'in0[0]: "cat" is a string; strings need a vocabulary. The model was trained '
            "without enc0_vocab_file: send integer ids.",
        ),
        ([1, "2"], 'in0[1]: "2" is a string; strings need a vocabulary'),
        (None, "is null, must be a list of integer ids."),
        (5, "5 is a bare number; write [5] for one token."),
        (True, "true is a boolean, must be a list"),
        ("1 2", '"1 2" is a string, must be a list of integer ids.'),
        ("", '"" is a string, must be a list'),
        ({}, "{} is an object, must be a list"),
        ({"1": 2}, "is an object, must be a list"),
        (
            [9],
            'Vocab id "9" is not less than vocab_size=9. Ids run from 0 to vocab_size-1=8: the '
            "model was trained with enc0_vocab_size=9; with OBJECT2VEC_UNKNOWN_IDS=ignore",
        ),
        ([1, -1], 'Vocab id "-1" is negative'),
        ([2**31], f'Vocab id "{2**31}" is not less than vocab_size=9'),
        ([-(2**40)], "is negative"),
        ([10**60], "(61 digits)"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_value_that_cannot_be_is_named_by_record_and_field(value: object, words: str) -> None:
    good = {"in0": [1], "in1": [1]}
    for record in ({"in0": value}, {"in0": value, "in1": [1]}):
        fault = fault_of(RULES, good, good, record, good)
        assert (fault.record, fault.field) == (2, "in0")
        assert str(fault).startswith("record 2, field 'in0': ")
        assert words in str(fault)
        assert len(str(fault)) < 400


@pytest.mark.parametrize(
    "record", [None, 3, "in0", [1, 2], ["in0"], True, [{"in0": [1]}]], ids=repr
)
def test_a_record_that_is_no_object_is_refused_with_an_example(record: object) -> None:
    fault = fault_of(RULES, {"in0": [1]}, record)
    assert (fault.record, fault.field) == (1, None)
    assert str(fault).startswith("record 1: ")
    assert 'must be an object such as {"in0": [10, 7], "in1": [4]}' in str(fault)


@pytest.mark.parametrize("record", [{}, {"label": 1}, {"IN0": [1]}, {"instances": []}], ids=repr)
def test_a_record_that_asks_for_nothing_is_refused(record: object) -> None:
    fault = fault_of(RULES, record)
    assert (fault.record, fault.field) == (0, None)
    assert "with neither in0 nor in1" in str(fault)


@pytest.mark.parametrize(
    "records",
    [
        [{"in0": [1]}, {"in1": [99]}, {"in0": [99]}],
        [{"in0": [1]}, {"in1": [99]}, None],
        [{"in0": [1]}, {"in1": [99]}, {"in0": [1], "in1": None}],
        [{"in0": [1]}, None, {"in0": [99]}],
        [{"in0": [1]}, {"in0": [9], "in1": [20]}, {"in1": [99]}, 5],
    ],
)
def test_the_first_record_at_fault_is_named_whatever_it_asks_for(records: list[object]) -> None:
    assert fault_of(RULES, *records).record == 1


def test_strings_are_ids_where_there_is_a_vocabulary_and_unknown_ones_are_left_out() -> None:
    (query,) = WITH_WORDS.read([{"in0": ["cat", "yak", 7, "dog"]}, {"in0": ["yak"]}, {"in0": [1]}])
    assert told([query]) == {0: ([0, 1, 2], [[[3, 7, 8], [], [1]]])}
    assert "without enc1_vocab_file" in str(fault_of(WITH_WORDS, {"in1": ["cat"]}))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("the cat", '"the cat" is a string; write a list of tokens, such as ["the", "cat"].'),
        (["cat", True], "in0[1]: true is a boolean"),
        (["cat", None], "in0[1]: is null"),
        (["cat", 3.0], "write 3."),
        (["cat", ["dog"]], 'in0[1]: ["dog"] is a list'),
        (["cat", {}], "in0[1]: {} is an object"),
        (["cat", 9], 'Vocab id "9"'),
        ({"cat": 1}, "is an object, must be a list"),
        (None, "is null, must be a list"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_vocabulary_lets_nothing_else_pass(value: object, words: str) -> None:
    fault = fault_of(WITH_WORDS, {"in0": ["cat"]}, {"in0": value})
    assert (fault.record, fault.field) == (1, "in0")
    assert words in str(fault)


def test_unknown_ids_count_as_padding_where_they_are_ignored() -> None:
    records = [{"in0": [1, 9, 2, -1, 10**30]}, {"in0": [3]}]
    assert told(ignoring(0).read(records)) == {0: ([0, 1], [[[1, 0, 2, 0, 0], [3]]])}
    assert told(ignoring(None).read(records)) == {0: ([0, 1], [[[1, 2], [3]]])}


def test_unknown_ids_beside_strings_count_as_padding_where_they_are_ignored() -> None:
    records = [{"in0": ["cat", 9, "yak", 4]}]
    assert told(ignoring(0, WORDS).read(records)) == {0: ([0], [[[3, 0, 4]]])}
    assert told(ignoring(None, WORDS).read(records)) == {0: ([0], [[[3, 4]]])}


@pytest.mark.parametrize("value", [[True], [9, 1.0], [None], ["cat"], "cat", 9, None], ids=repr)
def test_what_is_no_id_is_refused_where_unknown_ids_are_ignored(value: object) -> None:
    assert fault_of(ignoring(0), {"in0": [99]}, {"in0": value}).record == 1


records_of_ids = st.lists(
    st.fixed_dictionaries(
        {}, optional={"in0": st.lists(st.integers(0, 8)), "in1": st.lists(st.integers(0, 19))}
    ).filter(bool),
    max_size=20,
)


@given(records_of_ids, st.integers(1, 20))
def test_queries_of_pieces_merge_into_those_of_the_whole(
    records: list[dict[str, list[int]]], size: int
) -> None:
    pieces = [
        query
        for start in range(0, len(records), size)
        for query in RULES.read(records[start : start + size], start)
    ]
    whole = RULES.read(records)
    assert told(merge(pieces)) == told(whole)
    assert all((np.diff(query.records) > 0).all() for query in merge(pieces))


def test_a_query_that_is_alone_is_merged_without_a_copy() -> None:
    (query,) = RULES.read([{"in0": [1]}, {"in0": [2]}])
    (merged,) = merge([query])
    assert merged.rows[0] is query.rows[0]
    assert merge([]) == []
    assert isinstance(merged.rows[0], RaggedArray)
